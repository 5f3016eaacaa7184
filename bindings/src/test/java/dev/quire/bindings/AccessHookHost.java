package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.util.HexFormat;

/**
 * Runs the hooks of {@link AccessRing} as guest code inside Unicorn, so that those of every host
 * can be tested on any. Memory is 4 MiB at 0; what the hooks call are little routines that note
 * their arguments.
 */
final class AccessHookHost implements AutoCloseable {
  static final int HOOK = 0x4000;
  static final int RETURN = 0x5000;
  static final int ACCESS = 0x8000;
  static final int ENTER = 0x8100;
  static final int COUNTER = 0x8200;
  static final int STATE = 0x10000;
  static final int ACCESS_PA = 0x20000;
  static final int ACCESS_BYTES = 0x20008;
  static final int ACCESS_TYPE = 0x2000c;
  static final int ACCESS_CALLS = 0x20010;
  static final int ENTER_PC = 0x20020;
  static final int ENTER_BYTES = 0x20028;
  static final int ENTER_CALLS = 0x2002c;
  static final int COUNTER_PC = 0x20040;
  static final int COUNTER_BYTES = 0x20048;
  static final int COUNTER_STATE = 0x20050;
  static final int COUNTER_CALLS = 0x20058;
  static final int COUNTER_SP = 0x20060;
  static final int REASON = 0x21000;
  static final int STACK = 0x30000;
  static final long COUNTER_DATA = 0x7711_2233_4455L;
  private static final int BYTES = 4 << 20;

  // Each stores its arguments and counts; the counter also spoils every caller-saved register.
  private static final String X86_ACCESS =
      "4889142500000200890c25080002008934250c000200ff042510000200c3";
  private static final String X86_ENTER = "488934252000020089142528000200ff04252c000200c3";
  private static final String X86_COUNTER =
      "48893425400002008914254800020048890c2550000200ff0425580002004889242560000200"
          + "31c931d231f631ff4531c04531c94531d24531db31c0c3";
  private static final String ARM64_ACCESS =
      "4900a0d2220100f9230900b9210d00b92a1140b94a0500112a1100b9c0035fd6";
  private static final String ARM64_ENTER =
      "4900a0d2211100f9222900b92a2d40b94a0500112a2d00b9c0035fd6";
  private static final String ARM64_COUNTER =
      "4900a0d2212100f9224900b9232900f92a5940b94a0500112a5900b9ea0300912a3100f9"
          + "e0031faae1031faae2031faae3031faae4031faae5031faae9031faaeb031faaec031faa"
          + "ed031faaee031faaef031faac0035fd6";

  final NativeMemory memory = NativeMemory.reserve(BYTES);
  private final boolean x86;
  private final Uc uc;

  AccessHookHost(NativeStub.Host host, byte[] hook) {
    x86 = host == NativeStub.Host.X86_64;
    uc =
        x86
            ? Uc.open(UcConst.ARCH_X86, UcConst.MODE_64)
            : Uc.open(UcConst.ARCH_ARM64, UcConst.MODE_ARM);
    if (!x86) {
      uc.pageSize(4096);
    }
    uc.tlbTypeVirtual();
    uc.useExits(true);
    uc.memMapPtr(0, BYTES, UcConst.PERM_ALL, memory.segment());
    place(HOOK, hook);
    place(ACCESS, hex(x86 ? X86_ACCESS : ARM64_ACCESS));
    place(ENTER, hex(x86 ? X86_ENTER : ARM64_ENTER));
    place(COUNTER, hex(x86 ? X86_COUNTER : ARM64_COUNTER));
    place(RETURN, hex(x86 ? "f4" : "7f2003d5"));
    long state = memory.hva() + STATE;
    RawMemory.putLong(state + AccessRing.ACCESS, ACCESS);
    RawMemory.putLong(state + AccessRing.ENTER, ENTER);
    RawMemory.putLong(state + AccessRing.COUNTER_CODE, COUNTER);
    RawMemory.putLong(state + AccessRing.COUNTER_STATE, COUNTER_DATA);
    RawMemory.putLong(state + AccessRing.REASON_AT, REASON);
  }

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text);
  }

  private void place(int at, byte[] bytes) {
    java.lang.foreign.MemorySegment.copy(bytes, 0, memory.segment(), JAVA_BYTE, at, bytes.length);
  }

  /** Calls the hook with up to six arguments and checks the calling convention. */
  void call(long... arguments) {
    int[] x86Arguments = {X86Reg.RDI, X86Reg.RSI, X86Reg.RDX, X86Reg.RCX, X86Reg.R8, X86Reg.R9};
    for (int i = 0; i < arguments.length; i++) {
      if (x86) {
        uc.regWrite(x86Arguments[i], arguments[i]);
      } else {
        uc.writeX(i, arguments[i]);
      }
    }
    if (x86) {
      callX86();
    } else {
      callArm64();
    }
  }

  private void callX86() {
    int[] saved = {X86Reg.RBX, X86Reg.RBP, X86Reg.R12, X86Reg.R13, X86Reg.R14, X86Reg.R15};
    for (int i = 0; i < saved.length; i++) {
      uc.regWrite(saved[i], 0x7700 + i);
    }
    // At a function's entry the stack pointer is 8 above a multiple of 16.
    RawMemory.putLong(memory.hva() + STACK + 8, RETURN);
    uc.regWrite(X86Reg.RSP, STACK + 8);
    expect(uc.emuStart(HOOK, 0, 0, 0), 0);
    expect(uc.regRead(X86Reg.RIP), RETURN + 1);
    expect(uc.regRead(X86Reg.RSP), STACK + 16);
    for (int i = 0; i < saved.length; i++) {
      expect(uc.regRead(saved[i]), 0x7700 + i);
    }
  }

  private void callArm64() {
    for (int i = 19; i < 30; i++) {
      uc.writeX(i, 0x7700 + i);
    }
    uc.writeX(30, RETURN);
    uc.regWrite(Arm64Reg.SP, STACK);
    expect(uc.emuStart(HOOK, 0, 0, 0), 0);
    expect(uc.regRead(Arm64Reg.PC), RETURN + 4);
    expect(uc.regRead(Arm64Reg.SP), STACK);
    for (int i = 19; i < 30; i++) {
      expect(uc.readX(i), 0x7700 + i);
    }
  }

  /** What the calling convention asks of the stack pointer inside the counter's hook. */
  long stackAlignment() {
    return x86 ? 8 : 0;
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
