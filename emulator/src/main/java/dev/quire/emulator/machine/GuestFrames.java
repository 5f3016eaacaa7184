package dev.quire.emulator.machine;

import dev.quire.emulator.exec.CodeCoherence;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.FrameStorage;
import dev.quire.kernel.mm.HostMemory;
import java.util.BitSet;

/**
 * The frames that guest memory lies in, as the host kernel changes them: engines forget what they
 * translated of a frame that is wiped or copied into. Machine thread only.
 *
 * <p>Under a kernel that clears a page when it gives it out, frames that nobody ever used are not
 * touched: they hold zeros already.
 */
final class GuestFrames implements FrameStorage {
  private final HostMemory memory;
  private final CodeCoherence coherence;
  private final BitSet used = new BitSet();

  /** Whether frames are wiped when they are taken, not when they are given back. */
  private final boolean wipedWhenTaken;

  GuestFrames(HostMemory memory, CodeCoherence coherence, boolean wipedWhenTaken) {
    this.memory = memory;
    this.coherence = coherence;
    this.wipedWhenTaken = wipedWhenTaken;
  }

  @Override
  public void zero(long pfn, int order) {
    int first = (int) pfn;
    int end = first + (1 << order);
    if (!wipedWhenTaken) {
      used.set(first, end);
    }
    for (int page = used.nextSetBit(first);
        page >= 0 && page < end;
        page = used.nextSetBit(page + 1)) {
      memory.zero(page, 0);
      coherence.hostWrote(page);
    }
    used.set(first, end);
  }

  @Override
  public void copy(long fromPfn, long toPfn, int order) {
    memory.copy(fromPfn, toPfn, order);
    used.set((int) toPfn, (int) (toPfn + (1L << order)));
    for (long page = 0; page < 1L << order; page++) {
      coherence.hostWrote(toPfn + page);
    }
  }

  @Override
  public boolean isZero(long pfn, int order) {
    return memory.isZero(pfn, order);
  }

  /** The same frames for tables, which are written without this class. */
  FrameAllocator forTables(FrameAllocator frames) {
    return new FrameAllocator() {
      @Override
      public long allocate(int order) {
        long pfn = frames.allocate(order);
        if (pfn != NONE) {
          used.set((int) pfn, (int) (pfn + (1L << order)));
        }
        return pfn;
      }

      @Override
      public void free(long pfn, int order) {
        frames.free(pfn, order);
      }

      @Override
      public long totalPages() {
        return frames.totalPages();
      }

      @Override
      public long freePages() {
        return frames.freePages();
      }
    };
  }
}
