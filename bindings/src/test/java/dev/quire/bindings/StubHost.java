package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.HexFormat;

/**
 * Runs a block hook as guest code inside Unicorn, so that the hooks of every host can be tested on
 * any. Memory is 4 MiB at 0; scan() and uc_emu_stop() are little routines that note their calls.
 */
final class StubHost implements AutoCloseable {
  static final int CODE = 0x4000;
  static final int SCAN = 0x8000;
  static final int RETURN = 0x5000;
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
  static final int STACK = 0x30000;
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

  final NativeMemory memory = NativeMemory.reserve(4 << 20);
  final MemorySegment ram = memory.segment();
  private final boolean x86;
  private final Uc uc;
  private final int stopAt;
  private final int slowEntry;

  StubHost(NativeStub.Host host, byte[] hook) {
    x86 = host == NativeStub.Host.X86_64;
    if (x86) {
      uc = Uc.open(UcConst.ARCH_X86, UcConst.MODE_64);
    } else {
      uc = Uc.open(UcConst.ARCH_ARM64, UcConst.MODE_ARM);
      uc.pageSize(4096);
    }
    uc.tlbTypeVirtual();
    uc.useExits(true);
    uc.memMapPtr(0, 4 << 20, UcConst.PERM_ALL, ram);
    place(CODE, hook);
    slowEntry = CODE + hook.length - BlockCounter.SLOW_BYTES;
    byte[] scan = HexFormat.of().parseHex(x86 ? X86_SCAN : ARM64_SCAN);
    stopAt = SCAN + scan.length;
    place(SCAN, scan);
    place(stopAt, HexFormat.of().parseHex(x86 ? X86_STOP : ARM64_STOP));
    place(RETURN, HexFormat.of().parseHex(x86 ? "f4" : "7f2003d5"));
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
    RawMemory.putLong(entry + BlockCallPatch.BLOCK_RETURN, RETURN);
    long rest =
        RawMemory.getLong(fast + BlockCounter.FAST_REMAINING)
            - (packed >>> BlockCallPatch.COUNT_SHIFT);
    RawMemory.putLong(fast + BlockCounter.FAST_REMAINING, rest);
    if (rest >= 0) {
      RawMemory.putInt(fast + BlockCounter.FAST_LAST_INDEX, index);
    } else {
      uc.regWrite(X86Reg.RAX, index);
      uc.regWrite(X86Reg.RCX, STATE);
      enterX86(slowEntry, STACK);
    }
  }

  private void place(int at, byte[] bytes) {
    MemorySegment.copy(bytes, 0, ram, JAVA_BYTE, at, bytes.length);
  }

  /** Calls the hook as the engine would, and checks the calling convention. */
  void call(long address, int size) {
    if (x86) {
      callX86(address, size);
    } else {
      callArm64(address, size);
    }
  }

  private void callX86(long address, int size) {
    uc.regWrite(X86Reg.RDI, ENGINE);
    uc.regWrite(X86Reg.RSI, address);
    uc.regWrite(X86Reg.RDX, size | 0x5a5a_0000_0000_0000L); // the ABI leaves the upper half open
    uc.regWrite(X86Reg.RCX, STATE);
    RawMemory.putLong(memory.hva() + STACK - 8, RETURN);
    enterX86(CODE, STACK - 8);
  }

  private void enterX86(long entry, long stack) {
    int[] saved = {X86Reg.RBX, X86Reg.RBP, X86Reg.R12, X86Reg.R13, X86Reg.R14, X86Reg.R15};
    for (int i = 0; i < saved.length; i++) {
      uc.regWrite(saved[i], 0x7700 + i);
    }
    uc.regWrite(X86Reg.RSP, stack);
    expect(uc.emuStart(entry, 0, 0, 0), 0);
    expect(uc.regRead(X86Reg.RIP), RETURN + 1);
    expect(uc.regRead(X86Reg.RSP), STACK);
    for (int i = 0; i < saved.length; i++) {
      expect(uc.regRead(saved[i]), 0x7700 + i);
    }
  }

  private void callArm64(long address, int size) {
    for (int i = 19; i < 30; i++) {
      uc.writeX(i, 0x7700 + i);
    }
    uc.writeX(30, RETURN);
    uc.regWrite(Arm64Reg.SP, STACK);
    uc.writeX(0, ENGINE);
    uc.writeX(1, address);
    uc.writeX(2, size | 0x5a5a_0000_0000_0000L);
    uc.writeX(3, STATE);
    expect(uc.emuStart(CODE, 0, 0, 0), 0);
    expect(uc.regRead(Arm64Reg.PC), RETURN + 4);
    expect(uc.regRead(Arm64Reg.SP), STACK);
    for (int i = 19; i < 30; i++) {
      expect(uc.readX(i), 0x7700 + i);
    }
  }

  private static void expect(long seen, long wanted) {
    if (seen != wanted) {
      throw new AssertionError(
          "the hook broke its calling convention: "
              + Long.toHexString(seen)
              + " for "
              + Long.toHexString(wanted));
    }
  }

  @Override
  public void close() {
    uc.close();
    memory.close();
  }
}
