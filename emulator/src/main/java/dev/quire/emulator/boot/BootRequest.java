package dev.quire.emulator.boot;

/**
 * What a user wants booted.
 *
 * @param initrd an initial ramdisk, or null
 * @param commandLine for the guest, without what the loader adds
 * @param architecture what the user said the guest is, or null to go by the file
 */
public record BootRequest(
    GuestFile kernel,
    GuestFile initrd,
    String commandLine,
    long memoryBytes,
    int cpus,
    GuestArchitecture architecture) {

  /** A guest of one CPU without arguments, its architecture taken from the file. */
  public static BootRequest of(GuestFile kernel, long memoryBytes) {
    return new BootRequest(kernel, null, "", memoryBytes, 1, null);
  }

  public BootRequest withCommandLine(String line) {
    return new BootRequest(kernel, initrd, line, memoryBytes, cpus, architecture);
  }

  public BootRequest withCpus(int count) {
    return new BootRequest(kernel, initrd, commandLine, memoryBytes, count, architecture);
  }

  public BootRequest withInitrd(GuestFile file) {
    return new BootRequest(kernel, file, commandLine, memoryBytes, cpus, architecture);
  }

  public BootRequest withArchitecture(GuestArchitecture wanted) {
    return new BootRequest(kernel, initrd, commandLine, memoryBytes, cpus, wanted);
  }
}
