package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Lets translated blocks count themselves. Each block begins with a call of the block hook, its
 * arguments immediates, and a call that looks for a stop request (Unicorn's
 * qemu/accel/tcg/translator.c, gen_uc_tracecode and gen_tb_start). Once a block has been scanned,
 * this class rewrites the first call in the translated code:
 *
 * <ul>
 *   <li>a plain block gets the instructions of block_counter_x86_guest_on_x86_64.S in its place,
 *       which count it and skip both calls while its share of a grant lasts; whoever asks for a
 *       stop takes the grant back, so that the next block makes both;
 *   <li>any other passes its size, flags and count packed together instead of its size alone, so
 *       that nothing has to be looked up;
 *   <li>a call not recognised to the last byte is left alone: the hook goes on with its table.
 * </ul>
 *
 * <p>What was written belongs to that translation: code translated anew calls the hook plainly
 * again and is scanned again. Only for x86-64 hosts. Used on the engine's thread only.
 *
 * <pre>
 *  packed size  31    21 20    13 12     0
 *              +--------+--------+--------+
 *              | count  | flags  | size   |   flags: bits 23:16 of what the scanner answers
 *              +--------+--------+--------+
 * </pre>
 */
final class BlockCallPatch implements AutoCloseable {
  static final int SIZE_MASK = 0x1fff;
  static final int COUNT_SHIFT = 21;
  private static final int MAX_COUNT = 0x7ff;
  private static final int FLAGS_SHIFT = 3;
  private static final int COUNT_MASK = 0xffff;
  private static final int FLAGS_MASK = 0xff0000;

  /** Added to what the scanner answered: the hook need not remember the block. */
  static final int PACKED = 1 << 30;

  // Entries of the table that blocks index, as in block_counter.inc.
  static final int BLOCK_BYTES = 32;
  static final int BLOCK_PC = 0;
  static final int BLOCK_PACKED = 8;
  static final int BLOCK_RETURN = 16;
  private static final int BLOCKS = 1 << 17;

  private static final int INLINE_BYTES = 27;
  private static final int MAX_INLINE_COUNT = 127;

  private final ProcessMemory memory;
  private final NativeMemory blocks = NativeMemory.reserveConfined((long) BLOCKS * BLOCK_BYTES);
  private final ByteBuffer code = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
  private Targets targets;

  /** What blocks write, and where they go when the grant is used up: pages within their reach. */
  private NativeMemory fast;

  private NativeMemory thunk;
  private boolean placed;
  private int nextBlock = 1;

  private BlockCallPatch(ProcessMemory memory) {
    this.memory = memory;
  }

  /** One for this host; null where blocks cannot be rewritten and the hook does it all. */
  static BlockCallPatch open() {
    if (NativeStub.Host.current() != NativeStub.Host.X86_64) {
      return null;
    }
    try {
      return new BlockCallPatch(ProcessMemory.openWritable());
    } catch (NativeLibraryException e) {
      // The host lets no process write its own memory through /proc.
      return null;
    }
  }

  /**
   * What the code of one engine's blocks refers to.
   *
   * @param engine the hook's first argument
   * @param state the hook's user data
   * @param hook the hook's own address
   * @param slow where a block goes that the grant does not cover
   */
  record Targets(long engine, long state, long hook, long slow) {}

  void attach(Targets newTargets) {
    targets = newTargets;
  }

  /** Where the table that blocks index begins. */
  long blocksHva() {
    return blocks.hva();
  }

  /** First address of the block with this index. */
  long pc(int index) {
    return RawMemory.getLong(entry(index) + BLOCK_PC);
  }

  /** Packed size of the block with this index. */
  int packed(int index) {
    return RawMemory.getInt(entry(index) + BLOCK_PACKED);
  }

  private long entry(int index) {
    return blocks.hva() + (long) index * BLOCK_BYTES;
  }

  /** Every translation is gone: indexes begin anew. */
  void forgetTranslations() {
    nextBlock = 1;
  }

  /** A size with what was scanned, or 0 if it does not fit. */
  static int pack(int info, int sizeBytes) {
    int count = info & COUNT_MASK;
    boolean fits = count > 0 && count <= MAX_COUNT && sizeBytes > 0 && sizeBytes <= SIZE_MASK;
    boolean known = (info & ~(COUNT_MASK | FLAGS_MASK)) == 0;
    return fits && known
        ? count << COUNT_SHIFT | (info & FLAGS_MASK) >>> FLAGS_SHIFT | sizeBytes
        : 0;
  }

  /**
   * Rewrites the call that returns to {@code returnHva}.
   *
   * @return {@code info}, with {@link #PACKED} if that was done
   */
  int apply(long pc, int sizeBytes, long returnHva, int info) {
    int packed = info < 0 ? 0 : pack(info, sizeBytes);
    if (packed == 0) {
      return info;
    }
    long firstHva = returnHva - HookCall.MAX_BYTES;
    int windowBytes = HookCall.MAX_BYTES + HookCall.MAX_EXIT_CHECK_BYTES;
    ByteBuffer around = memory.read(firstHva, windowBytes);
    if (around.limit() != windowBytes) {
      return info;
    }
    HookCall call = HookCall.endingAt(around, HookCall.MAX_BYTES, firstHva);
    if (call == null || !isOurs(call, pc, sizeBytes)) {
      return info;
    }
    boolean plain = (info & FLAGS_MASK) == 0 && (info & COUNT_MASK) <= MAX_INLINE_COUNT;
    int skipped = HookCall.exitCheckBytes(around, HookCall.MAX_BYTES, firstHva, targets.engine);
    boolean done = plain && inline(pc, packed, call, returnHva, skipped) || pass(packed, call);
    return done ? info | PACKED : info;
  }

  private boolean isOurs(HookCall call, long pc, int sizeBytes) {
    long target = call.pointerHva() == 0 ? call.targetHva() : memory.readLong(call.pointerHva());
    return call.argument(HookCall.ENGINE) == targets.engine
        && call.argument(HookCall.PC) == pc
        && call.argument(HookCall.SIZE) == sizeBytes
        && call.argument(HookCall.STATE) == targets.state
        && target == targets.hook;
  }

  private boolean pass(int packed, HookCall call) {
    if (call.sizeImmediateHva() == 0) {
      return false;
    }
    code.clear().putInt(packed).flip();
    return memory.write(call.sizeImmediateHva(), code);
  }

  private boolean inline(long pc, int packed, HookCall call, long returnHva, int skippedBytes) {
    long at = call.firstHva();
    int length = (int) (returnHva - at);
    if (nextBlock == BLOCKS || length < INLINE_BYTES || !isReachable(at)) {
      return false;
    }
    int index = nextBlock;
    long entry = entry(index);
    RawMemory.putLong(entry + BLOCK_PC, pc);
    RawMemory.putInt(entry + BLOCK_PACKED, packed);
    RawMemory.putLong(entry + BLOCK_RETURN, returnHva);
    code.clear();
    code.put((byte) 0xb8).putInt(index); // mov eax, index
    code.put((byte) 0x48).put((byte) 0x83).put((byte) 0x2d); // sub qword [rip + REMAINING], count
    code.putInt(relative(fast.hva() + BlockCounter.FAST_REMAINING, at + 13));
    code.put((byte) (packed >>> COUNT_SHIFT));
    code.put((byte) 0x0f).put((byte) 0x88); // js thunk
    code.putInt(relative(thunk.hva(), at + 19));
    code.put((byte) 0x89).put((byte) 0x05); // mov [rip + LAST_INDEX], eax
    code.putInt(relative(fast.hva() + BlockCounter.FAST_LAST_INDEX, at + 25));
    code.put((byte) 0xeb).put((byte) (length - INLINE_BYTES + skippedBytes)); // jmp
    code.flip();
    if (!memory.write(at, code)) {
      return false;
    }
    nextBlock++;
    return true;
  }

  /** Whether a block at {@code hva} reaches what it writes; makes those pages at first. */
  private boolean isReachable(long hva) {
    if (!placed) {
      placed = true;
      fast = NativeMemory.near(hva);
      thunk = NativeMemory.near(hva);
      if (fast != null && thunk != null) {
        writeThunk();
        RawMemory.putLong(targets.state + BlockCounter.FAST, fast.hva());
      }
    }
    return fast != null && thunk != null && near(fast.hva(), hva) && near(thunk.hva(), hva);
  }

  private void writeThunk() {
    code.clear();
    code.put((byte) 0x48).put((byte) 0xb9).putLong(targets.state); // mov rcx, state
    code.put((byte) 0x49).put((byte) 0xb8).putLong(targets.slow); // mov r8, slow
    code.put((byte) 0x41).put((byte) 0xff).put((byte) 0xe0); // jmp r8
    MemorySegment.copy(code.array(), 0, thunk.segment(), JAVA_BYTE, 0, code.position());
    thunk.makeExecutable();
  }

  private static boolean near(long target, long hva) {
    return Math.abs(target - hva) < Integer.MAX_VALUE - 4096L;
  }

  private static int relative(long target, long afterInstruction) {
    return (int) (target - afterInstruction);
  }

  @Override
  public void close() {
    memory.close();
    blocks.close();
    if (fast != null) {
      fast.close();
    }
    if (thunk != null) {
      thunk.close();
    }
  }
}
