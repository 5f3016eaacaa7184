package dev.quire.emulator.machine;

import dev.quire.emulator.exec.CodeCoherence;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.FrameStorage;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.mmu.Order;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/**
 * The frames that guest memory lies in, as the host kernel changes them: engines forget what they
 * translated of a frame that is wiped or copied into. Machine thread only.
 *
 * <p>The kernel clears a page when it gives it out; frames that nobody ever used are not touched:
 * they hold zeros already.
 */
public final class GuestFrames implements FrameStorage {
  private final HostMemory memory;
  private final CodeCoherence coherence;
  private final BitSet used = new BitSet();
  private FrameSource source = FrameSource.NONE;

  /**
   * @param coherence of the engines that run from the memory
   */
  public GuestFrames(HostMemory memory, CodeCoherence coherence) {
    this.memory = memory;
    this.coherence = coherence;
  }

  @Override
  public void zero(long pfn, int order) {
    int first = (int) pfn;
    int end = first + (1 << order);
    for (int page = first; page < end; page++) {
      // Not nextSetBit: where few frames are in use it would look through all of them.
      if (used.get(page)) {
        memory.zero(page, 0);
        coherence.hostWrote(page);
      }
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

  public void setSource(FrameSource bytes) {
    source = bytes;
  }

  /** Somebody stored something in a frame, past this class. */
  public void wrote(long pfn) {
    used.set((int) pfn);
    coherence.hostWrote(pfn);
  }

  private MemorySegment bytesOf(long pfn) {
    return memory.arena().asSlice(pfn << Order.BASE_PAGE_SHIFT, Order.bytes(0));
  }

  @Override
  public void copyFromUser(long pfn, int offset, int bytes, long userAddress) {
    if (bytes == Order.bytes(0) && source.isZero(userAddress)) {
      zero(pfn, 0);
      return;
    }
    source.read(userAddress, bytesOf(pfn).asSlice(offset, bytes));
    wrote(pfn);
  }

  @Override
  public void copyBytes(long fromPfn, int fromOffset, long toPfn, int toOffset, int bytes) {
    long from = (fromPfn << Order.BASE_PAGE_SHIFT) + fromOffset;
    long to = (toPfn << Order.BASE_PAGE_SHIFT) + toOffset;
    MemorySegment.copy(memory.arena(), from, memory.arena(), to, bytes);
    for (long pfn = to >>> Order.BASE_PAGE_SHIFT;
        pfn <= to + bytes - 1 >>> Order.BASE_PAGE_SHIFT;
        pfn++) {
      wrote(pfn);
    }
  }

  @Override
  public void readFromFile(long pfn, OpenFile file, long pgoff) {
    if (!source.hasContent(file)) {
      return;
    }
    if (source.isZero(file, pgoff)) {
      zero(pfn, 0);
    } else {
      source.readFile(file, pgoff, bytesOf(pfn));
      wrote(pfn);
    }
  }

  /** The same frames for tables, which are written without this class. */
  public FrameAllocator forTables(FrameAllocator frames) {
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
