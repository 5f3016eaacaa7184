package dev.quire.bindings;

/** Runs the hooks of {@link AccessRing}; what they call are routines that note their arguments. */
final class AccessHookHost implements AutoCloseable {
  static final int HOOK = 0x4000;
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
  static final long COUNTER_DATA = 0x7711_2233_4455L;

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

  final NativeMemory memory;
  private final HookCaller caller;

  AccessHookHost(NativeStub.Host host, byte[] hook) {
    caller = new HookCaller(host);
    memory = caller.memory;
    caller.place(HOOK, hook);
    caller.place(ACCESS, caller.x86 ? X86_ACCESS : ARM64_ACCESS);
    caller.place(ENTER, caller.x86 ? X86_ENTER : ARM64_ENTER);
    caller.place(COUNTER, caller.x86 ? X86_COUNTER : ARM64_COUNTER);
    long state = memory.hva() + STATE;
    RawMemory.putLong(state + AccessRing.ACCESS, ACCESS);
    RawMemory.putLong(state + AccessRing.ENTER, ENTER);
    RawMemory.putLong(state + AccessRing.COUNTER_CODE, COUNTER);
    RawMemory.putLong(state + AccessRing.COUNTER_STATE, COUNTER_DATA);
    RawMemory.putLong(state + AccessRing.REASON_AT, REASON);
  }

  /** Calls the hook with up to six arguments and checks the calling convention. */
  void call(long... arguments) {
    caller.call(HOOK, arguments);
  }

  /** What the calling convention asks of the stack pointer inside the counter's hook. */
  long stackAlignment() {
    return caller.x86 ? 8 : 0;
  }

  @Override
  public void close() {
    caller.close();
  }
}
