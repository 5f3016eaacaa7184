package dev.quire.emulator.exec;

import dev.quire.bindings.UcX86State;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Arms the core's SVM intercepts without any VMRUN: each intercepted instruction ends the run at
 * that very instruction. Layouts: AMD APM vol. 2, appendix B (VMCB) and 15.11 (MSR map).
 */
final class SvmIntercepts {
  private static final int HFLAG_GUEST = 1 << 21;
  private static final int VMCB_PAGE = 4;
  private static final int MSR_MAP_PAGE = 5;
  private static final int VMCB_MSR_MAP = 0x48;
  private static final int MSR_MAP_PAGES = 2;
  private static final int CR0_CR3_CR4_CR8 = 1 | 1 << 3 | 1 << 4 | 1 << 8;
  private static final int CR8 = 1 << 8;

  /** AMD's exit codes; the intercept bit is the code less 0x60. */
  static final int EXIT_INVLPG = 0x79;

  static final int EXIT_IRET = 0x74;
  static final int EXIT_MSR = 0x7c;
  private static final int FIRST_CODE = 0x60;

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final long ALWAYS = 1L << EXIT_INVLPG - FIRST_CODE | 1L << EXIT_MSR - FIRST_CODE;
  private static final long IRET = 1L << EXIT_IRET - FIRST_CODE;

  private SvmIntercepts() {}

  static void interceptIret(UcX86State state, boolean enabled) {
    state.setIntercept(enabled ? ALWAYS | IRET : ALWAYS);
  }

  static void install(UcX86State state, EngineMemory shared) {
    for (int page = 0; page < MSR_MAP_PAGES; page++) {
      shared.hiddenBytes(MSR_MAP_PAGE + page).fill((byte) 0xff);
    }
    MemorySegment vmcb = shared.hiddenBytes(VMCB_PAGE);
    vmcb.set(LONG, VMCB_MSR_MAP, shared.hiddenPage(MSR_MAP_PAGE));
    state.setVmVmcb(shared.hiddenPage(VMCB_PAGE));
    state.setInterceptCrWrite(CR0_CR3_CR4_CR8);
    state.setInterceptCrRead(CR8);
    state.setIntercept(ALWAYS);
    state.setHflags(state.hflags() | HFLAG_GUEST);
  }
}
