package dev.quire.emulator.boot;

import java.util.List;

/**
 * How to start a guest: RAM to provide (all zero), what to write into it, and the boot CPU's state.
 *
 * @param loads in no particular order; they do not overlap
 * @param commandLine as the guest sees it
 */
public record BootPlan(
    GuestFileType type,
    GuestArchitecture architecture,
    GuestRam ram,
    int cpus,
    List<Load> loads,
    EntryState entry,
    String commandLine) {

  /**
   * Bytes for guest memory.
   *
   * @param what for messages: "segment 1", "page tables"
   * @param memoryBytes how much of memory the thing takes, at least {@code bytes}; the rest is zero
   * @param source the array that holds the bytes, often the whole file; not to be changed
   */
  public record Load(
      String what, long gpa, long memoryBytes, byte[] source, int offset, int bytes) {
    public long endGpa() {
      return gpa + memoryBytes;
    }

    @Override
    public String toString() {
      return "%s at 0x%x-0x%x".formatted(what, gpa, endGpa());
    }
  }

  /** Receives the bytes of each load, as a guest memory's own write method does. */
  public interface MemoryWriter {
    void write(long gpa, byte[] source, int offset, int bytes);
  }

  /** Writes every load. */
  public void writeTo(MemoryWriter memory) {
    for (Load load : loads) {
      if (load.bytes > 0) {
        memory.write(load.gpa, load.source, load.offset, load.bytes);
      }
    }
  }
}
