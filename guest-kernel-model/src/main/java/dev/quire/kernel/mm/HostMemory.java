package dev.quire.kernel.mm;

import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Modelled host physical memory. A frame (pfn) and the bytes it stores are separate things: the
 * model's allocator decides which pfn a page gets, and so its contiguity, while {@link #storageOf}
 * says where the bytes are. By default frame n is at byte n * 4096 of the arena; a range of frames
 * can be backed by another segment, such as a file that a client shares.
 *
 * <p>Reads and writes are safe from any thread as far as the bytes go; {@link #back} is not, and
 * belongs to the owner of the machine. The arena must outlive this object and every address handed
 * out by {@link #storageOf}.
 */
public final class HostMemory implements PhysicalMemory, FrameStorage {
  // NATIVE: lets one VarHandle reach any storage by its address. Every access is checked against
  // the ranges below first, which hold their segments alive.
  private static final MemorySegment EVERYTHING = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle ATOMIC_LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
  private static final VarHandle ATOMIC_INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  private static final long PAGE_MASK = Order.offsetMask(0);

  /** A run of frames backed by one piece of storage. */
  private record Range(long firstPa, long bytes, MemorySegment storage) {}

  private final MemorySegment arena;
  private final long arenaBytes;
  private final long arenaAddress;

  /** Ranges backed by something else than the arena, sorted; empty in the usual case. */
  private Range[] others = {};

  /**
   * @param arena native memory, aligned to 4096 bytes, a multiple of 4096 long
   */
  public HostMemory(MemorySegment arena) {
    requirePages("arena", arena);
    this.arena = arena;
    this.arenaBytes = arena.byteSize();
    this.arenaAddress = arena.address();
  }

  /** Frames of the arena; those of other ranges outside it do not count. */
  public long arenaPages() {
    return arenaBytes >>> Order.BASE_PAGE_SHIFT;
  }

  /** The storage behind frames 0 to {@link #arenaPages}, except ranges backed otherwise. */
  public MemorySegment arena() {
    return arena;
  }

  /**
   * The native address of the 4096 bytes of a frame.
   *
   * @throws IndexOutOfBoundsException if no such frame exists
   */
  public long storageOf(long pfn) {
    return address(pfn << Order.BASE_PAGE_SHIFT, Order.bytes(0));
  }

  /** The 4096 bytes of a frame, valid as long as its storage. */
  public MemorySegment bytesOf(long pfn) {
    return EVERYTHING.asSlice(storageOf(pfn), Order.bytes(0));
  }

  /**
   * Backs the frames from {@code firstPfn} by {@code storage} from now on. The range may lie in the
   * arena or beyond it, but not across its end, nor over another such range.
   */
  public void back(long firstPfn, MemorySegment storage) {
    requirePages("storage", storage);
    long firstPa = firstPfn << Order.BASE_PAGE_SHIFT;
    long endPa = firstPa + storage.byteSize();
    if (firstPfn < 0 || endPa < firstPa || firstPa < arenaBytes && endPa > arenaBytes) {
      throw new IllegalArgumentException(
          "frames from pfn 0x%x, 0x%x bytes, cross the end of the arena"
              .formatted(firstPfn, storage.byteSize()));
    }
    for (Range range : others) {
      if (firstPa < range.firstPa + range.bytes && range.firstPa < endPa) {
        throw new IllegalArgumentException("pfn 0x%x is backed already".formatted(firstPfn));
      }
    }
    Range[] grown = Arrays.copyOf(others, others.length + 1);
    grown[others.length] = new Range(firstPa, storage.byteSize(), storage);
    Arrays.sort(grown, (a, b) -> Long.compare(a.firstPa, b.firstPa));
    others = grown;
  }

  @Override
  public boolean contains(long pa, long bytes) {
    return locate(pa, bytes) != 0;
  }

  @Override
  public long readLong(long pa) {
    return EVERYTHING.get(LONG, address(pa, Long.BYTES));
  }

  @Override
  public int readInt(long pa) {
    return EVERYTHING.get(INT, address(pa, Integer.BYTES));
  }

  @Override
  public void writeLong(long pa, long value) {
    EVERYTHING.set(LONG, address(pa, Long.BYTES), value);
  }

  @Override
  public void writeInt(long pa, int value) {
    EVERYTHING.set(INT, address(pa, Integer.BYTES), value);
  }

  @Override
  public boolean compareAndSetLong(long pa, long expected, long value) {
    return ATOMIC_LONG.compareAndSet(EVERYTHING, address(pa, Long.BYTES), expected, value);
  }

  @Override
  public boolean compareAndSetInt(long pa, int expected, int value) {
    return ATOMIC_INT.compareAndSet(EVERYTHING, address(pa, Integer.BYTES), expected, value);
  }

  /** Copies bytes out; the range must be backed by one piece of storage, as one frame is. */
  public void read(long pa, byte[] target, int offset, int bytes) {
    MemorySegment.copy(
        EVERYTHING, ValueLayout.JAVA_BYTE, address(pa, bytes), target, offset, bytes);
  }

  /** Copies bytes in; the range must be backed by one piece of storage, as one frame is. */
  public void write(long pa, byte[] source, int offset, int bytes) {
    MemorySegment.copy(
        source, offset, EVERYTHING, ValueLayout.JAVA_BYTE, address(pa, bytes), bytes);
  }

  @Override
  public void zero(long pfn, int order) {
    for (long page = 0; page < 1L << order; page++) {
      EVERYTHING.asSlice(storageOf(pfn + page), Order.bytes(0)).fill((byte) 0);
    }
  }

  @Override
  public void copy(long fromPfn, long toPfn, int order) {
    long bytes = Order.bytes(0);
    for (long page = 0; page < 1L << order; page++) {
      MemorySegment.copy(
          EVERYTHING, storageOf(fromPfn + page), EVERYTHING, storageOf(toPfn + page), bytes);
    }
  }

  @Override
  public boolean isZero(long pfn, int order) {
    for (long page = 0; page < 1L << order; page++) {
      long address = storageOf(pfn + page);
      for (long offset = 0; offset < Order.bytes(0); offset += Long.BYTES) {
        if (EVERYTHING.get(LONG, address + offset) != 0) {
          return false;
        }
      }
    }
    return true;
  }

  private long address(long pa, long bytes) {
    long address = locate(pa, bytes);
    if (address == 0) {
      throw new IndexOutOfBoundsException("no memory at pa 0x%x, %d bytes".formatted(pa, bytes));
    }
    return address;
  }

  /** The native address of {@code pa}, or 0 if the bytes are not all in one storage. */
  private long locate(long pa, long bytes) {
    if (others.length != 0) {
      return locateAmongRanges(pa, bytes);
    }
    return inside(pa, bytes, 0, arenaBytes) ? arenaAddress + pa : 0;
  }

  private long locateAmongRanges(long pa, long bytes) {
    int low = 0;
    int high = others.length - 1;
    long limit = arenaBytes;
    while (low <= high) {
      int middle = low + high >>> 1;
      Range range = others[middle];
      if (pa < range.firstPa) {
        limit = Math.min(limit, range.firstPa);
        high = middle - 1;
      } else if (pa - range.firstPa >= range.bytes) {
        low = middle + 1;
      } else {
        return inside(pa, bytes, range.firstPa, range.bytes)
            ? range.storage.address() + (pa - range.firstPa)
            : 0;
      }
    }
    return inside(pa, bytes, 0, limit) ? arenaAddress + pa : 0;
  }

  private static boolean inside(long pa, long bytes, long firstPa, long rangeBytes) {
    long offset = pa - firstPa;
    return pa >= firstPa && bytes >= 0 && bytes <= rangeBytes && offset <= rangeBytes - bytes;
  }

  private static void requirePages(String what, MemorySegment segment) {
    if (!segment.isNative()
        || (segment.address() & PAGE_MASK) != 0
        || (segment.byteSize() & PAGE_MASK) != 0
        || segment.byteSize() == 0) {
      throw new IllegalArgumentException(
          what + " is not native memory of whole 4096-byte pages: " + segment);
    }
  }
}
