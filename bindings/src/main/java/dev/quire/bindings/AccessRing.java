package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/**
 * Records the memory accesses of an engine in program order: native hooks ({@link AccessRingCode})
 * append to a ring that Java empties. This class is the Java side of the hooks' state.
 *
 * <p>A <b>data record</b> stands for consecutive accesses to one 4 KiB page of physical memory, as
 * the core's memory hook reports them: the number of reads and of writes, and which came first. A
 * <b>fetch record</b> stands for the instruction stream coming to another page of virtual memory
 * than it was fetched from before. Blocks that follow in the same page add none, so the records do
 * not depend on how the core cuts code into blocks, nor on where runs stop.
 *
 * <p>A block that the {@link BlockCounter} stops before its first instruction is not recorded. One
 * that goes on into another page (<i>crosses</i>; x86 only) is recorded for its first: the second
 * is due when the block has come there, which the next block tells, and which the owner must look
 * for meanwhile: at each access, all of which {@link Overflow} gets while a crossing is pending,
 * and when the run has ended ({@link #crossed}).
 *
 * <p>{@link Overflow} also gets each access that crosses a page, and each record that finds no
 * room, in program order: it must first {@link #take} what the ring holds.
 *
 * <p>Owned by its engine's thread.
 */
public final class AccessRing implements AutoCloseable {
  /** Longs of a record in {@link #take}. */
  public static final int RECORD_LONGS = 2;

  /** Kind of a fetch record; that of a data record is 1 if a write came first, else 0. */
  public static final int KIND_FETCH = 2;

  /** In place of a page number. */
  public static final long NONE = -1;

  // The native struct, as in src/main/asm/access_ring.inc.
  static final int NEXT = 0;
  static final int LIMIT = 8;
  static final int LAST = 16;
  static final int FETCH = 24;
  static final int CROSSED = 32;
  static final int ACCESS = 40;
  static final int ENTER = 48;
  static final int COUNTER_CODE = 56;
  static final int COUNTER_STATE = 64;
  static final int REASON_AT = 72;
  static final int STATE_BYTES = 4096;

  static final int RECORD_BYTES = RECORD_LONGS * Long.BYTES;
  private static final int KIND_BITS = 2;
  private static final int PAGE_SHIFT = 12;
  private static final int LEAST_RECORDS = 2;
  private static final int MOST_RECORDS = 1 << 20;

  private final Uc uc;
  private final NativeMemory memory;
  private final NativeStub accessHook;
  private final NativeStub fetchHook;
  private final Arena upcalls;
  private final long state;
  private final long first;
  private final long end;
  private boolean closed;

  /** Receives what does not fit the ring; called inside a run. */
  public interface Overflow {
    /**
     * One access.
     *
     * @param write 1 for a store, 0 for a load
     * @param pa of its first byte; only its first page is known
     */
    void access(int write, long pa, int bytes);

    /** The instruction stream comes to another page of virtual memory. */
    void fetch(long vpn);
  }

  private AccessRing(Uc uc, int records) {
    if (records < LEAST_RECORDS || records > MOST_RECORDS) {
      throw new IllegalArgumentException(
          "a ring of %d records is not in %d..%d".formatted(records, LEAST_RECORDS, MOST_RECORDS));
    }
    this.uc = uc;
    memory = NativeMemory.reserve(STATE_BYTES + (long) records * RECORD_BYTES);
    upcalls = Arena.ofConfined();
    accessHook = NativeStub.of(AccessRingCode.accessHook(NativeStub.Host.current()));
    fetchHook = NativeStub.of(AccessRingCode.fetchHook(NativeStub.Host.current()));
    state = memory.hva();
    first = state + STATE_BYTES;
    end = first + (long) records * RECORD_BYTES;
    RawMemory.putLong(state + FETCH, NONE);
    RawMemory.putLong(state + CROSSED, NONE);
    RawMemory.putLong(state + LIMIT, end);
    empty();
  }

  /**
   * Begins recording what the engine executes, which a {@link BlockCounter} must count already.
   *
   * @param records room for so many
   */
  public static AccessRing of(Uc uc, int records, Overflow overflow) {
    AccessRing ring = new AccessRing(uc, records);
    ring.attach(overflow);
    return ring;
  }

  private void attach(Overflow overflow) {
    UcHooks hooks = uc.hooks();
    MethodHandles.Lookup lookup = MethodHandles.lookup();
    RawMemory.putLong(
        state + ACCESS,
        NativeCalls.upcall(lookup, new Upcalls.AccessUpcall(hooks, overflow), upcalls));
    RawMemory.putLong(
        state + ENTER,
        NativeCalls.upcall(lookup, new Upcalls.EnterUpcall(hooks, this, overflow), upcalls));
    UcHooks.CodeAndData counter = hooks.wrapNativeBlock(fetchHook.address(), state);
    RawMemory.putLong(state + COUNTER_CODE, counter.stubAddress());
    RawMemory.putLong(state + COUNTER_STATE, counter.userData());
    RawMemory.putLong(state + REASON_AT, counter.userData() + BlockCounter.REASON);
    hooks.nativeHook(UcConst.HOOK_MEM_READ | UcConst.HOOK_MEM_WRITE, accessHook.address(), state);
    uc.tbFlush();
  }

  /** Whether there is nothing to take. */
  public boolean isEmpty() {
    return RawMemory.getLong(state() + NEXT) == first;
  }

  /** The number of records it holds at most. */
  public int capacity() {
    return (int) ((end - first) / RECORD_BYTES);
  }

  /**
   * Empties the ring.
   *
   * @param into receives, for each record, its key and its counts; see the accessors below
   * @return how many records
   */
  public int take(long[] into) {
    long next = RawMemory.getLong(state() + NEXT);
    int longs = (int) ((next - first) / Long.BYTES);
    MemorySegment.copy(RawMemory.ALL, JAVA_LONG, first, into, 0, longs);
    empty();
    return longs / RECORD_LONGS;
  }

  private void empty() {
    RawMemory.putLong(state + NEXT, first);
    RawMemory.putLong(state + LAST, NONE);
    if (RawMemory.getLong(state + LIMIT) != end) {
      RawMemory.putLong(state + LIMIT, first);
    }
  }

  /** The kind in a record's key: what came first, {@link #KIND_FETCH} or a data access. */
  public static int kind(long key) {
    return (int) key & (1 << KIND_BITS) - 1;
  }

  /** The page number in a record's key: physical for data, virtual for a fetch. */
  public static long pageNumber(long key) {
    return key >>> KIND_BITS;
  }

  /** The loads in a data record's counts. */
  public static long reads(long counts) {
    return counts & 0xffff_ffffL;
  }

  /** The stores in a data record's counts. */
  public static long writes(long counts) {
    return counts >>> Integer.SIZE;
  }

  /** Gives every access to {@link Overflow} from now on, or ends that. Only on an empty ring. */
  public void divert(boolean diverted) {
    if (!isEmpty()) {
      throw new IllegalStateException("the ring must be emptied before its accesses are diverted");
    }
    RawMemory.putLong(state() + LIMIT, diverted ? first : end);
  }

  /** The virtual page that instructions came from last, or {@link #NONE}. */
  public long fetchPage() {
    return RawMemory.getLong(state() + FETCH);
  }

  /** An instruction came from that page, and not by the core; the caller counts that. */
  public void setFetchPage(long vpn) {
    RawMemory.putLong(state() + FETCH, vpn);
  }

  /** Makes the next block count as coming to another page, whatever its page. */
  public void forgetFetchPage() {
    setFetchPage(NONE);
  }

  /** The page that the block begun last crosses into, if that is not settled, or {@link #NONE}. */
  public long crossed() {
    return RawMemory.getLong(state() + CROSSED);
  }

  /**
   * Settles the pending crossing.
   *
   * @param reached whether instructions come from that page now; the caller counts that
   */
  public void settleCrossing(boolean reached) {
    if (reached) {
      RawMemory.putLong(state() + FETCH, crossed());
    }
    RawMemory.putLong(state() + CROSSED, NONE);
  }

  /** Called by the fetch hook when there is no room: does what it would do. */
  void enter(long pc, int bytes, Overflow overflow) {
    long page = pc >>> PAGE_SHIFT;
    long lastPage = pc + Integer.toUnsignedLong(bytes) - 1 >>> PAGE_SHIFT;
    long crossed = crossed();
    long current = fetchPage();
    if (crossed != NONE && crossed != current) {
      overflow.fetch(crossed);
      current = crossed;
    }
    if (page != current) {
      overflow.fetch(page);
    }
    RawMemory.putLong(state + FETCH, page);
    RawMemory.putLong(state + CROSSED, Long.compareUnsigned(lastPage, page) > 0 ? lastPage : NONE);
  }

  /** Frees the hooks' code and state, once the engine, which still runs them, is closed too. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      uc.afterClose(this::release);
    }
  }

  private void release() {
    accessHook.close();
    fetchHook.close();
    memory.close();
    upcalls.close();
  }

  private long state() {
    if (closed) {
      throw new IllegalStateException("this access ring is closed");
    }
    return state;
  }
}
