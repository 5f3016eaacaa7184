package dev.quire.bindings;

/** Runs a block hook; scan() and uc_emu_stop() are little routines that note their calls. */
final class StubHost implements AutoCloseable {
  static final int CODE = 0x4000;
  static final int SCAN = 0x8000;
  static final int STATE = 0x10000;
  static final int CALLS = 0x20000;
  static final int SCAN_ADDRESS = CALLS;
  static final int SCAN_SIZE = CALLS + 8;
  static final int SCAN_RESULT = CALLS + 16;
  static final int SCAN_CALLS = CALLS + 20;
  static final int STOP_ENGINE = CALLS + 24;
  static final int STOP_CALLS = CALLS + 32;
  static final int GUEST_EFLAGS = CALLS + 64;
  static final int GUEST_HFLAGS = CALLS + 72;
  static final int GUEST_RCX = CALLS + 80;
  static final int TABLE = 0x100000;
  static final int BLOCKS = 0x200000;
  static final int FAST = 0x300000;

  /** Instructions of a grant: few, so that it often does not cover a block. */
  static final long GRANT = 2000;

  static final long ENGINE = 0x1122_3344_5566L;

  // scan stores its arguments, counts, loads its result and spoils every caller-saved register;
  // stop stores its argument and counts.
  private static final String X86_SCAN =
      "48893c25000002008934250800"
          + "0200ff0425140002008b042510000200"
          + "31c931d231f631ff4531c04531c94531d24531dbc3";
  private static final String X86_STOP = "48893c2518000200ff042520000200c3";
  private static final String ARM64_SCAN =
      "4900a0d2200100f9210900b92a1540b94a0500112a1500b9201140b9e1031faae2031faae3031faa"
          + "e9031faaea031faaeb031faaec031faaed031faaee031faaef031faac0035fd6";
  private static final String ARM64_STOP = "4900a0d2200d00f92a2140b94a0500112a2100b9c0035fd6";

  final NativeMemory memory;
  private final HookCaller caller;
  private final int slowEntry;

  StubHost(NativeStub.Host host, byte[] hook) {
    caller = new HookCaller(host);
    memory = caller.memory;
    caller.place(CODE, hook);
    slowEntry = CODE + hook.length - BlockCounter.SLOW_BYTES;
    int stopAt = SCAN + caller.place(SCAN, caller.x86 ? X86_SCAN : ARM64_SCAN);
    caller.place(stopAt, caller.x86 ? X86_STOP : ARM64_STOP);
    long state = memory.hva() + STATE;
    RawMemory.putLong(state + BlockCounter.ENGINE, ENGINE);
    RawMemory.putLong(state + BlockCounter.EMU_STOP, stopAt);
    RawMemory.putLong(state + BlockCounter.SCAN, SCAN);
    RawMemory.putLong(state + BlockCounter.EFLAGS, GUEST_EFLAGS);
    RawMemory.putLong(state + BlockCounter.HFLAGS, GUEST_HFLAGS);
    RawMemory.putLong(state + BlockCounter.RCX, GUEST_RCX);
    RawMemory.putLong(state + BlockCounter.TABLE, TABLE);
    RawMemory.putLong(state + BlockCounter.MASK, BlockCounter.ENTRIES - 1);
    RawMemory.putLong(state + BlockCounter.FAST, FAST);
  }

  /** Prepares the x86 hook of an x86-64 host for blocks that count by themselves. */
  void grantToBlocks() {
    RawMemory.putLong(memory.hva() + STATE + BlockCounter.BLOCKS, BLOCKS);
    RawMemory.putLong(memory.hva() + STATE + BlockCounter.GRANT, GRANT);
  }

  /** What a block does whose call was replaced, but for the code that the host runs. */
  void countInBlock(int index, long address, int packed) {
    long fast = memory.hva() + FAST;
    long entry = memory.hva() + BLOCKS + (long) index * BlockCallPatch.BLOCK_BYTES;
    RawMemory.putLong(entry + BlockCallPatch.BLOCK_PC, address);
    RawMemory.putInt(entry + BlockCallPatch.BLOCK_PACKED, packed);
    RawMemory.putLong(entry + BlockCallPatch.BLOCK_RETURN, HookCaller.RETURN);
    long rest =
        RawMemory.getLong(fast + BlockCounter.FAST_REMAINING)
            - (packed >>> BlockCallPatch.COUNT_SHIFT);
    RawMemory.putLong(fast + BlockCounter.FAST_REMAINING, rest);
    if (rest >= 0) {
      RawMemory.putInt(fast + BlockCounter.FAST_LAST_INDEX, index);
    } else {
      caller.jump(slowEntry, index, STATE);
    }
  }

  /** Calls the hook as the engine would, and checks the calling convention. */
  void call(long address, int size) {
    // The ABI leaves the upper half of an int's register open.
    caller.call(CODE, ENGINE, address, size | 0x5a5a_0000_0000_0000L, STATE);
  }

  @Override
  public void close() {
    caller.close();
  }
}
