package dev.quire.bindings;

import java.util.HexFormat;

/**
 * A native memory hook that does nothing: what any observation of accesses costs at least. For
 * benchmarks. Lives until its engine is closed.
 */
public final class EmptyAccessHook {
  private static final String RETURN_ON_X86_64 = "c3";
  private static final String RETURN_ON_AARCH64 = "c0035fd6";

  private EmptyAccessHook() {}

  /** Hooks every access of the engine. */
  public static void install(Uc uc) {
    boolean x86 = NativeStub.Host.current() == NativeStub.Host.X86_64;
    NativeStub stub =
        NativeStub.of(HexFormat.of().parseHex(x86 ? RETURN_ON_X86_64 : RETURN_ON_AARCH64));
    uc.afterClose(stub::close);
    uc.hooks().nativeHook(UcConst.HOOK_MEM_READ | UcConst.HOOK_MEM_WRITE, stub.address(), 0);
    uc.tbFlush();
  }
}
