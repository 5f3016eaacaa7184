package dev.quire.emulator.machine;

import dev.quire.emulator.snapshot.SnapshotWriter.ChangedPages;
import dev.quire.kernel.kvm.MemSlot;
import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.Stage2Mmu;
import java.util.ArrayList;
import java.util.List;

/**
 * The pages that the guest has changed since {@link VirtualMachine#startDirtyLog}, by KVM's dirty
 * log (KVM_MEM_LOG_DIRTY_PAGES, KVM_GET_DIRTY_LOG): a bit for each base page of the host. Machine
 * thread only.
 */
public final class DirtyPages {
  private final Stage2Mmu stage2;
  private final int baseOrder;

  DirtyPages(Stage2Mmu stage2, int baseOrder) {
    this.stage2 = stage2;
    this.baseOrder = baseOrder;
    MemSlots slots = stage2.slots();
    List<MemSlot> all = new ArrayList<>();
    for (int index = 0; index < slots.count(); index++) {
      all.add(slots.at(index));
    }
    for (MemSlot slot : all) {
      MemSlots.Outcome outcome =
          stage2.setRegion(
              slot.id(),
              slot.flags() | MemSlots.LOG_DIRTY_PAGES,
              slot.baseGfn() << 12,
              slot.pages() << 12,
              slot.hva());
      if (outcome.refused()) {
        throw new IllegalStateException(
            "these host pages take no dirty log (KVM refuses it for slots of guest_memfd): choose"
                + " others for a diff");
      }
    }
  }

  /** The pages changed so far, of which the log then knows nothing any more. */
  public ChangedPages take() {
    MemSlots slots = stage2.slots();
    int count = slots.count();
    long[] firstGfns = new long[count];
    long[][] bitmaps = new long[count][];
    for (int index = 0; index < count; index++) {
      MemSlot slot = slots.at(index);
      firstGfns[index] = slot.baseGfn();
      bitmaps[index] = stage2.dirtyLogs().take(slot.id());
    }
    return gfn -> next(firstGfns, bitmaps, gfn);
  }

  private long next(long[] firstGfns, long[][] bitmaps, long gfn) {
    for (int index = 0; index < firstGfns.length; index++) {
      long from = Math.max(0, gfn - firstGfns[index]);
      long bit = nextBit(bitmaps[index], from >>> baseOrder);
      if (bit >= 0) {
        return firstGfns[index] + Math.max(from, bit << baseOrder);
      }
    }
    return -1;
  }

  private static long nextBit(long[] bitmap, long from) {
    for (long word = from >>> 6; word < bitmap.length; word++) {
      long rest = bitmap[(int) word];
      if (word == from >>> 6) {
        rest &= -1L << from;
      }
      if (rest != 0) {
        return (word << 6) + Long.numberOfTrailingZeros(rest);
      }
    }
    return -1;
  }
}
