package dev.quire.emulator.machine;

import dev.quire.emulator.snapshot.MemoryImage;

/** Decides how the memory of a restored machine comes: all at once, ahead, or on demand. */
@FunctionalInterface
public interface RamLoader {
  /** Writes every stored page through the guest's own mapping, as a VMM that reads into it. */
  RamLoader EAGER =
      (host, memory) -> {
        try (java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofConfined()) {
          java.lang.foreign.MemorySegment page = arena.allocate(4096, 4096);
          byte[] bytes = new byte[4096];
          for (long gfn = memory.nextStored(0); gfn >= 0; gfn = memory.nextStored(gfn + 1)) {
            memory.read(gfn, page);
            java.lang.foreign.MemorySegment.copy(
                page, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, bytes, 0, bytes.length);
            host.guestMemory().write(gfn << 12, bytes, 0, bytes.length);
          }
        }
      };

  /**
   * Called once, on the machine's thread, when the machine stands and before its first instruction:
   * its memory slots are there, no page of them is.
   *
   * @throws dev.quire.emulator.snapshot.BadSnapshotException if a page that it reads is corrupt
   */
  void load(GuestHost host, MemoryImage memory);
}
