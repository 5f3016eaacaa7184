package dev.quire.bindings;

import java.lang.foreign.Arena;
import java.lang.invoke.MethodHandles;
import java.util.Arrays;

/**
 * Virtual time: counts retired guest instructions and stops exactly at a deadline, by a native
 * block hook ({@link BlockCounterCode}). This class is the Java side of the hook's state.
 *
 * <p>At a block's start the hook decides in this order; a stop takes effect before the block's
 * first instruction, and its reason is left in {@link #reason}.
 *
 * <ol>
 *   <li>{@link #step}: the first block after it passes uncounted, the second stops (STEP).
 *   <li>x86: a REP instruction re-entered by its own loop with its counter at zero is the engine's
 *       extra pass that only tests the counter: it retires nothing and never stops.
 *   <li>{@link #requestStop} from a hook stops (REQUEST), {@link #kick} from any thread stops
 *       (KICK).
 *   <li>x86: an IRQ is pending, IF is set and no shadow inhibits it: stop (IRQ_WINDOW).
 *   <li>x86: a block not met before is scanned by {@link BlockScanner}; from then on it tells what
 *       it is by itself ({@link BlockCallPatch}) or is looked up in a table.
 *   <li>x86: a SENSITIVE block outside an interrupt shadow stops (SENSITIVE).
 *   <li>If the block's instructions do not fit before the deadline: stop (DEADLINE).
 *   <li>Else they are counted, all at once: on an exit inside the block the caller takes the rest
 *       back by {@link #takeBack}.
 * </ol>
 *
 * <p>Owned by its engine's thread, but for {@link #kick}. Readable until closed, also after the
 * engine was.
 */
public final class BlockCounter implements AutoCloseable {
  public static final int REASON_NONE = 0;
  public static final int REASON_DEADLINE = 1;
  public static final int REASON_IRQ_WINDOW = 2;
  public static final int REASON_SENSITIVE = 3;
  public static final int REASON_STEP = 4;
  public static final int REASON_KICK = 5;
  public static final int REASON_SCAN = 6;
  public static final int REASON_REQUEST = 7;

  // The native struct, as in src/main/asm/block_counter.inc.
  static final int ICOUNT = 0;
  static final int DEADLINE = 8;
  static final int LAST_PC = 16;
  static final int LAST_SIZE = 24;
  static final int LAST_INFO = 28;
  static final int ATTENTION = 32;
  static final int STEPPING = 32;
  static final int IRQ_PENDING = 34;
  static final int KICK = 36;
  static final int REQUEST = 38;
  static final int REASON = 40;
  static final int GENERATION = 44;
  static final int ENGINE = 48;
  static final int EMU_STOP = 56;
  static final int EFLAGS = 64;
  static final int HFLAGS = 72;
  static final int RCX = 80;
  static final int TABLE = 88;
  static final int MASK = 96;
  static final int SCAN = 104;
  static final int FAR = 112;
  static final int BLOCKS = 128;
  static final int GRANT = 136;
  static final int FAST = 144;
  static final int FAST_REMAINING = 0;
  static final int FAST_LAST_INDEX = 8;
  static final int STATE_BYTES = 4096;

  /** The end of a hook on x86-64: where blocks enter that count by themselves. */
  static final int SLOW_BYTES = 42;

  /** Instructions that blocks count by themselves before the hook looks for a kick again. */
  private static final long GRANT_INSTRUCTIONS = 1 << 18;

  /** Table entries: a power of two. */
  static final int ENTRIES = 1 << 14;

  static final int ENTRY_BYTES = 16;

  /** Index hash: {@code (address ^ address >>> 12) & mask}. */
  static final int HASH_SHIFT = 12;

  /** Bits of an entry's second word taken by the size and by CS32 and CS64 of hflags. */
  static final int KEY_MODE = 0x8010;

  static final int KEY_SIZE_SHIFT = 16;
  private static final int KEY_GENERATION = ~(0x1fff << KEY_SIZE_SHIFT | KEY_MODE);
  private static final int GENERATIONS = 1 << Integer.bitCount(KEY_GENERATION);

  private static final int ARM64_INSTRUCTION_BYTES = 4;
  private static final long PAGE_BYTES = 4096;
  private static final int PAGE_BITS = 4096;

  private final NativeMemory memory;
  private final NativeStub stub;
  private final Arena upcalls;
  private final long state;
  private final long[] scannedPages = new long[PAGE_BITS / Long.SIZE];
  private final Uc uc;
  private final UcHooks hooks;
  private final BlockCallPatch patch;
  private final boolean withTable;
  private int generation;
  private boolean closed;
  private boolean released;

  private BlockCounter(Uc uc, byte[] code, boolean withTable, BlockCallPatch patch) {
    this.uc = uc;
    this.withTable = withTable;
    this.patch = patch;
    hooks = uc.hooks();
    memory =
        NativeMemory.reserveConfined(STATE_BYTES + (withTable ? (long) ENTRIES * ENTRY_BYTES : 0));
    upcalls = Arena.ofConfined();
    state = memory.hva();
    stub = NativeStub.of(code);
    RawMemory.putLong(state + FAST, state + FAR);
    if (patch != null) {
      long slow = stub.address() + code.length - SLOW_BYTES;
      patch.attach(new BlockCallPatch.Targets(uc.handle(), state, stub.address(), slow));
      RawMemory.putLong(state + BLOCKS, patch.blocksHva());
      RawMemory.putLong(state + GRANT, GRANT_INSTRUCTIONS);
      uc.beforeStop(this::revokeGrant);
    }
    RawMemory.putLong(state + ENGINE, uc.handle());
    RawMemory.putLong(state + EMU_STOP, Uc.emuStopAddress());
    RawMemory.putLong(state + DEADLINE, Long.MAX_VALUE);
    RawMemory.putLong(state + TABLE, state + STATE_BYTES);
    RawMemory.putLong(state + MASK, ENTRIES - 1);
    hooks.nativeHook(UcConst.HOOK_BLOCK, stub.address(), state);
  }

  /** Hooks an arm64 engine: every instruction is four bytes. */
  public static BlockCounter forArm64(Uc uc) {
    NativeStub.Host host = NativeStub.Host.current();
    BlockCallPatch patch = BlockCallPatch.open();
    BlockCounter counter = new BlockCounter(uc, BlockCounterCode.arm64Guest(host), false, patch);
    if (patch != null) {
      counter.scanBy((address, sizeBytes) -> sizeBytes / ARM64_INSTRUCTION_BYTES);
    }
    return counter;
  }

  /**
   * Hooks an x86 engine.
   *
   * @param cpu where EFLAGS, hflags and RCX live
   * @param scanner decodes blocks; called inside the run on the engine's thread, with the CPU at
   *     the block's start
   */
  public static BlockCounter forX86(Uc uc, UcX86State cpu, BlockScanner scanner) {
    return forX86(uc, cpu, scanner, BlockCallPatch.open());
  }

  /** As above; without a patch every block is looked up in the table. */
  static BlockCounter forX86(Uc uc, UcX86State cpu, BlockScanner scanner, BlockCallPatch patch) {
    byte[] code = BlockCounterCode.x86Guest(NativeStub.Host.current());
    BlockCounter counter = new BlockCounter(uc, code, true, patch);
    counter.attach(cpu, scanner);
    return counter;
  }

  private void attach(UcX86State cpu, BlockScanner scanner) {
    RawMemory.putLong(state + EFLAGS, cpu.eflagsAddress());
    RawMemory.putLong(state + HFLAGS, cpu.hflagsAddress());
    RawMemory.putLong(state + RCX, cpu.gprAddress(1));
    scanBy(scanner);
    clearBlocks();
  }

  private void scanBy(BlockScanner scanner) {
    RawMemory.putLong(
        state + SCAN,
        NativeCalls.upcall(
            MethodHandles.lookup(), new Upcalls.ScanUpcall(hooks, this, scanner), upcalls));
  }

  /** Retired instructions. */
  public long icount() {
    return RawMemory.getLong(state() + ICOUNT) - RawMemory.getLong(fast() + FAST_REMAINING);
  }

  public void setIcount(long instructions) {
    RawMemory.putLong(state() + ICOUNT, instructions);
    RawMemory.putLong(fast() + FAST_REMAINING, 0);
  }

  /** What blocks write that count by themselves. */
  private long fast() {
    return RawMemory.getLong(state() + FAST);
  }

  /**
   * Takes back what blocks were granted to count by themselves, so that the next one asks the hook.
   * Called wherever something changes that the hook decides by.
   */
  private void revokeGrant() {
    setIcount(icount());
  }

  /** Gives counted instructions back: the tail of a block that was left early. */
  public void takeBack(long instructions) {
    setIcount(icount() - instructions);
  }

  /** The instruction count never passed; compared unsigned. */
  public long deadline() {
    return RawMemory.getLong(state() + DEADLINE);
  }

  public void setDeadline(long instructions) {
    revokeGrant();
    RawMemory.putLong(state + DEADLINE, instructions);
  }

  /** Virtual address of the block begun last. */
  public long lastPc() {
    int index = lastIndex();
    return index == 0 ? RawMemory.getLong(state + LAST_PC) : patch.pc(index);
  }

  /** Its size in bytes. */
  public int lastSize() {
    int index = lastIndex();
    int size = index == 0 ? RawMemory.getInt(state + LAST_SIZE) : patch.packed(index);
    return size & BlockCallPatch.SIZE_MASK;
  }

  /** How many instructions it was counted for: 0 while stepping and for a REP's extra pass. */
  public int lastCount() {
    int index = lastIndex();
    return index == 0
        ? RawMemory.getShort(state + LAST_INFO)
        : patch.packed(index) >>> BlockCallPatch.COUNT_SHIFT;
  }

  /** The block begun last if it counted by itself, else 0. */
  private int lastIndex() {
    return RawMemory.getInt(fast() + FAST_LAST_INDEX);
  }

  /** Forgets the block begun last, for a change of course by the caller. */
  public void forgetLast() {
    RawMemory.putLong(state() + LAST_PC, 0);
    RawMemory.putInt(state() + LAST_SIZE, 0);
    RawMemory.putInt(state() + LAST_INFO, 0);
    RawMemory.putInt(fast() + FAST_LAST_INDEX, 0);
  }

  /** Why the hook stopped the run, or {@link #REASON_NONE}. */
  public int reason() {
    return RawMemory.getInt(state() + REASON);
  }

  /** As {@link #reason}; clears it and a fulfilled {@link #requestStop}. Call it after each run. */
  public int takeReason() {
    int reason = reason();
    RawMemory.putInt(state() + REASON, REASON_NONE);
    RawMemory.putShort(state() + REQUEST, 0);
    return reason;
  }

  /**
   * Stops before the next block. For hooks, on the engine's thread: unlike {@link Uc#emuStop}, it
   * counts nothing that is not run and repeats no access.
   */
  public void requestStop() {
    revokeGrant();
    RawMemory.putShort(state + REQUEST, 1);
  }

  /** Tells an x86 engine that an interrupt waits: the hook stops where it can be taken. */
  public void setIrqPending(boolean pending) {
    revokeGrant();
    RawMemory.putShort(state + IRQ_PENDING, pending ? 1 : 0);
  }

  /** Lets one block pass uncounted and stops before the next; false ends stepping. */
  public void step(boolean enabled) {
    revokeGrant();
    RawMemory.putShort(state + STEPPING, enabled ? 1 : 0);
  }

  /**
   * Makes a block soon to come stop with KICK, and each after it until {@link #clearKick}. Soon is
   * the next block, or within 2^18 instructions where blocks count by themselves.
   */
  public void kick() {
    synchronized (memory) {
      if (!released) {
        RawMemory.putShort(state + KICK, 1);
      }
    }
  }

  /** Whether a kick waits: also for a run that would never begin a block. */
  public boolean isKicked() {
    return RawMemory.getShort(state + KICK) != 0;
  }

  /** Withdraws a kick. */
  public void clearKick() {
    RawMemory.putShort(state() + KICK, 0);
  }

  /** Every translated block was dropped ({@link Uc#tbFlush}). Not to be called inside a run. */
  public void forgetTranslations() {
    if (patch != null) {
      patch.forgetTranslations();
    }
  }

  /** Forgets every scanned block. */
  void clearBlocks() {
    generation = (generation + 1) & (GENERATIONS - 1);
    if (generation == 0) {
      memory.segment().asSlice(STATE_BYTES).fill((byte) 0);
      generation = 1;
    }
    RawMemory.putInt(state() + GENERATION, generationBits(generation));
    Arrays.fill(scannedPages, 0);
  }

  /** The key bits not taken by size and mode, which tell live entries from forgotten ones. */
  static int generationBits(int generation) {
    return Integer.expand(generation, KEY_GENERATION);
  }

  /** Forgets the scanned block that starts at {@code address}: its code was translated anew. */
  public void forgetBlock(long address) {
    RawMemory.putInt(entryOf(address) + 8, 0);
  }

  private long entryOf(long address) {
    return state()
        + STATE_BYTES
        + ((address ^ address >>> HASH_SHIFT) & (ENTRIES - 1)) * ENTRY_BYTES;
  }

  /** Forgets the scanned blocks that touch the 4 KiB page of virtual address {@code va}. */
  public void clearPage(long va) {
    if (!mayHoldBlocks(va)) {
      return;
    }
    long page = va & -PAGE_BYTES;
    for (long address = page - PAGE_BYTES; address != page + PAGE_BYTES; address++) {
      long entry = entryOf(address);
      long start = RawMemory.getLong(entry);
      int size = RawMemory.getInt(entry + 8) >>> KEY_SIZE_SHIFT & 0x1fff;
      if (start - page + size > 0 && start - page < PAGE_BYTES) {
        RawMemory.putInt(entry + 8, 0);
      }
    }
  }

  /**
   * Called by the scan upcall with what the scanner answered: has the block itself tell it from now
   * on, or else notes its pages for {@link #clearPage}.
   */
  int scanned(long address, int sizeBytes, long returnHva, int info) {
    int answer = patch == null ? info : patch.apply(address, sizeBytes, returnHva, info);
    if (answer != info) {
      return answer;
    }
    if (withTable) {
      notePage(address);
      notePage(address + sizeBytes - 1);
    } else {
      // The call is not one that can be replaced, and the size says all: not asked again.
      RawMemory.putLong(state + SCAN, 0);
    }
    return info;
  }

  private void notePage(long va) {
    int bit = pageBit(va);
    scannedPages[bit >> 6] |= 1L << bit;
  }

  private boolean mayHoldBlocks(long va) {
    int bit = pageBit(va);
    return (scannedPages[bit >> 6] >>> bit & 1) != 0;
  }

  private static int pageBit(long va) {
    long page = va >>> 12;
    return (int) (page ^ page >>> 12 ^ page >>> 24) & (PAGE_BITS - 1);
  }

  /**
   * Takes the hook off the engine, for good: nothing is counted any more and nothing stops. The
   * caller then drops every translated block.
   */
  public void detach() {
    revokeGrant();
    hooks.deleteNativeBlock();
  }

  /** Frees the hook's code and state, once the engine, which still runs them, is closed too. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      uc.afterClose(this::release);
    }
  }

  private void release() {
    synchronized (memory) {
      released = true;
    }
    stub.close();
    memory.close();
    upcalls.close();
    if (patch != null) {
      patch.close();
    }
  }

  private long state() {
    if (released) {
      throw new IllegalStateException("this block counter is closed");
    }
    return state;
  }
}
