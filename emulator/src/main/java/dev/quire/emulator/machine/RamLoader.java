package dev.quire.emulator.machine;

import dev.quire.emulator.snapshot.BadSnapshotException;
import dev.quire.emulator.snapshot.MemoryImage;
import java.lang.foreign.MemorySegment;

/** Decides how the memory of a restored machine comes: all at once, ahead, or on demand. */
@FunctionalInterface
public interface RamLoader {
  /** Writes every stored page through the guest's own mapping, as a VMM that reads into it. */
  RamLoader EAGER =
      (host, memory) -> {
        byte[] page = new byte[4096];
        for (long gfn = memory.nextStored(0); gfn >= 0; gfn = memory.nextStored(gfn + 1)) {
          memory.read(gfn, MemorySegment.ofArray(page));
          host.guestMemory().write(gfn << 12, page, 0, page.length);
        }
      };

  /**
   * Called once, on the machine's thread, when the machine stands and before its first instruction:
   * its memory slots are there, no page of them is.
   *
   * @throws BadSnapshotException if a page that it reads is corrupt
   */
  void load(GuestHost host, MemoryImage memory);
}
