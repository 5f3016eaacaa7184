package dev.quire.kvm.abi;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Sizes against those in the request codes; offsets as a C compiler gives them. */
class X86LayoutsTest {
  @Test
  void structuresAreAsLargeAsTheirRequestsSay() {
    assertThat(KvmRegs.BYTES).isEqualTo(Ioctls.size(Ioctls.GET_REGS));
    assertThat(KvmSregs.BYTES).isEqualTo(Ioctls.size(Ioctls.SET_SREGS));
    assertThat(KvmSregs.SREGS2_BYTES).isEqualTo(Ioctls.size(Ioctls.GET_SREGS2));
    assertThat(KvmFpu.BYTES).isEqualTo(Ioctls.size(Ioctls.SET_FPU));
    assertThat(KvmXsave.BYTES).isEqualTo(Ioctls.size(Ioctls.GET_XSAVE));
    assertThat(KvmXcrs.BYTES).isEqualTo(Ioctls.size(Ioctls.SET_XCRS));
    assertThat(KvmDebugregs.BYTES).isEqualTo(Ioctls.size(Ioctls.GET_DEBUGREGS));
    assertThat(KvmVcpuEvents.BYTES).isEqualTo(Ioctls.size(Ioctls.SET_VCPU_EVENTS));
    assertThat(KvmMsrs.BYTES).isEqualTo(Ioctls.size(Ioctls.GET_MSRS));
    assertThat(KvmMsrFilter.BYTES).isEqualTo(Ioctls.size(Ioctls.X86_SET_MSR_FILTER));
    assertThat(KvmCpuid2.BYTES).isEqualTo(Ioctls.size(Ioctls.SET_CPUID2));
    assertThat(KvmTranslation.BYTES).isEqualTo(Ioctls.size(Ioctls.TRANSLATE));
    assertThat(KvmGuestDebug.BYTES).isEqualTo(Ioctls.size(Ioctls.SET_GUEST_DEBUG));
    assertThat(KvmMce.BYTES).isEqualTo(Ioctls.size(Ioctls.X86_SET_MCE));
    assertThat(KvmDeviceAttr.BYTES).isEqualTo(Ioctls.size(Ioctls.GET_DEVICE_ATTR));
    assertThat(KvmClockData.BYTES).isEqualTo(Ioctls.size(Ioctls.GET_CLOCK));
  }

  @Test
  void membersFillTheirStructures() {
    assertThat(KvmRegs.RFLAGS + Long.BYTES).isEqualTo(KvmRegs.BYTES);
    assertThat(KvmSregs.GDT).isEqualTo(8 * KvmSegment.BYTES);
    assertThat(KvmSregs.INTERRUPT_BITMAP + 32).isEqualTo(KvmSregs.BYTES);
    assertThat(KvmSregs.PDPTRS + 32).isEqualTo(KvmSregs.SREGS2_BYTES);
    assertThat(KvmFpu.XMM + 256).isEqualTo(KvmFpu.MXCSR);
    assertThat(KvmXcrs.XCRS + KvmXcrs.MAX_XCRS * KvmXcrs.XCR_BYTES + 128).isEqualTo(KvmXcrs.BYTES);
    assertThat(KvmMsrFilter.RANGES + KvmMsrFilter.MAX_RANGES * KvmMsrFilter.RANGE_BYTES)
        .isEqualTo(KvmMsrFilter.BYTES);
    assertThat(KvmVcpuEvents.EXCEPTION_PAYLOAD + Long.BYTES).isEqualTo(KvmVcpuEvents.BYTES);
  }

  @Test
  void generalRegistersStandInTheOrderOfTheHeader() {
    // rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8 to r15, by their hardware numbers.
    int[] order = {0, 3, 1, 2, 6, 7, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int place = 0; place < order.length; place++) {
      assertThat(KvmRegs.general(order[place])).isEqualTo(8 * place);
    }
  }
}
