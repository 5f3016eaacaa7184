package dev.quire.emulator.boot;

/**
 * Turns a guest file into a {@link BootPlan}. Pure: reads nothing but the request, changes nothing.
 *
 * <p>Whatever the file holds, the only exception is {@link BadGuestException}.
 */
public final class BootLoader {
  /** APIC ids are 8 bits wide, and 255 means every CPU. */
  private static final int PC_MAX_CPUS = 255;

  private BootLoader() {}

  /**
   * Plans a boot.
   *
   * @throws BadGuestException if the file cannot be booted, or not with this memory or CPUs
   */
  public static BootPlan plan(BootRequest request) {
    GuestFileType type = GuestFileType.detect(request.kernel());
    GuestArchitecture architecture = type.architecture();
    if (request.architecture() != null && request.architecture() != architecture) {
      throw request
          .kernel()
          .bad("is %s for %s, not for %s", type, architecture, request.architecture());
    }
    requireCpus(request, architecture);
    if (request.initrd() != null && request.initrd().length() == 0) {
      throw request.initrd().bad("is empty; leave the initrd out");
    }
    BootImage image = new BootImage(request, architecture);
    String commandLine = commandLine(request, architecture);
    EntryState entry =
        switch (type) {
          case ELF64_X86_64 -> LinuxBoot64Loader.load(image, commandLine);
          case BZIMAGE -> BzImageLoader.load(image, commandLine);
          case MULTIBOOT1 -> Multiboot1Loader.load(image, commandLine);
          case ELF64_ARM64 -> Arm64Loader.loadElf(image, commandLine);
          case ARM64_IMAGE -> Arm64Loader.loadImage(image, commandLine);
        };
    if (architecture == GuestArchitecture.X86_64) {
      byte[] table = MpTable.build(request.cpus(), PcLayout.MP_TABLE_GPA);
      image.add("the MP table", PcLayout.MP_TABLE_GPA, table);
    }
    return new BootPlan(
        type, architecture, image.ram(), request.cpus(), image.loads(), entry, commandLine);
  }

  /** On a PC the guest learns its number of CPUs also from its command line. */
  private static String commandLine(BootRequest request, GuestArchitecture architecture) {
    String line = request.commandLine();
    if (architecture == GuestArchitecture.X86_64) {
      line = CommandLine.join(line, "quire.cpus=" + request.cpus());
    }
    CommandLine.encode(line);
    return line;
  }

  private static void requireCpus(BootRequest request, GuestArchitecture architecture) {
    int most = architecture == GuestArchitecture.ARM64 ? VirtDeviceTree.MAX_CPUS : PC_MAX_CPUS;
    if (request.cpus() < 1 || request.cpus() > most) {
      throw new BadGuestException(
          "CPUs",
          "%d are not 1 to %d, which the %s machine has"
              .formatted(request.cpus(), most, architecture));
    }
  }
}
