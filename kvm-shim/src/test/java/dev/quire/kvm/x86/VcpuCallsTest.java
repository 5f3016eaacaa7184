package dev.quire.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmFpu;
import dev.quire.kvm.abi.KvmMsrFilter;
import dev.quire.kvm.abi.KvmMsrs;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.abi.KvmSregs;
import dev.quire.kvm.abi.KvmVcpuEvents;
import dev.quire.kvm.abi.KvmXsave;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Answers of a Linux 6.18.44, or as arch/x86/kvm has it. */
class VcpuCallsTest {
  private static final long STAR_VALUE = 0x23_0010_0000_0000L;

  private final StateClient client = new StateClient();

  @AfterEach
  void close() {
    client.close();
  }

  // Model-specific registers.

  @Test
  void registersAreDoneUntilOneFails() {
    client.supportedCpuid().clear().putInt(KvmMsrs.NMSRS, 3);
    client.putInt(8, 0xc000_0081).putLong(16, STAR_VALUE);
    client.putInt(24, 0xc000_0082).putLong(32, 1L << 63);
    client.putInt(40, 0x174).putLong(48, 8);
    assertThat(client.call(Ioctls.SET_MSRS)).isEqualTo(1);
    assertThat(client.msr(0xc000_0081)).isEqualTo(STAR_VALUE);
    assertThat(client.msr(0x174)).isZero();
    client.clear().putInt(KvmMsrs.NMSRS, 256);
    assertThat(client.call(Ioctls.SET_MSRS)).isEqualTo(-Errno.E2BIG);
    assertThat(client.call(Ioctls.GET_MSRS, 0)).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void valuesAtReset() {
    assertThat(client.msr(0x1b)).isEqualTo(0xfee0_0900L);
    assertThat(client.msr(0x277)).isEqualTo(0x7_0406_0007_0406L);
    assertThat(client.msr(0x2ff)).isZero();
    assertThat(client.msr(0xfe)).isEqualTo(0x508);
    assertThat(client.msr(0x179)).isEqualTo(0x20);
    assertThat(client.msr(0x198)).isEqualTo(0x400_0000_03e8L);
    assertThat(client.msr(0xce)).isEqualTo(0x8000_0000L);
    assertThat(client.msr(0xcd)).isEqualTo(3);
    assertThat(client.msr(0x4b56_4d05)).isEqualTo(1);
    assertThat(client.hasMsr(0x802)).isFalse();
    assertThat(client.hasMsr(0x4000_0000)).isFalse();
    assertThat(client.hasMsr(0x9e)).isFalse();
  }

  @Test
  void everyListedRegisterCanBeReadAndWrittenBack() {
    client.supportedCpuid();
    for (int msr : MsrLists.saved()) {
      assertThat(client.hasMsr(msr)).as("0x%x", msr).isTrue();
      // The asynchronous page faults' vector needs a local APIC, whatever its value.
      boolean taken = msr != ParavirtualMsrs.ASYNC_PF_INT;
      assertThat(client.setMsr(msr, client.getLong(16))).as("0x%x", msr).isEqualTo(taken);
    }
  }

  @Test
  void valuesAreChecked() {
    client.supportedCpuid();
    assertThat(client.setMsr(0xc000_0080, 2)).isFalse();
    assertThat(client.setMsr(0xc000_0080, 0x101)).isTrue();
    assertThat(client.sreg(264)).isEqualTo(0x101);
    assertThat(client.setMsr(0x2ff, 0x802)).isFalse();
    assertThat(client.setMsr(0x2ff, 0xc06)).isTrue();
    assertThat(client.setMsr(0x277, 2)).isFalse();
    assertThat(client.setMsr(0xc000_0103, 1L << 32)).isFalse();
    assertThat(client.setMsr(0x17b, 1)).isFalse();
    assertThat(client.setMsr(0x4b56_4d02, 1)).isFalse();
    assertThat(client.setMsr(0x200, 2)).isFalse();
    assertThat(client.setMsr(0x200, 1L << 46)).isFalse();
    assertThat(client.setMsr(0x201, 1 << 11)).isTrue();
  }

  @Test
  void theGuestMayDoLessThanUserSpace() {
    GuestWrites guest = new GuestWrites(client.guest.vcpu.state().msrs());
    assertThat(guest.writes(0xce, 1)).isFalse();
    assertThat(client.setMsr(0xce, 1)).isTrue();
    assertThat(guest.writes(0xc000_0103, 1)).isFalse();
    assertThat(client.setMsr(0xc000_0103, 1)).isTrue();
    assertThat(guest.writes(0xc000_0080, 0x800)).isFalse();
    client.supportedCpuid();
    assertThat(guest.writes(0xc000_0103, 1)).isTrue();
    assertThat(guest.writes(0xc000_0080, 0x800)).isTrue();
  }

  private record GuestWrites(dev.quire.kvm.x86.KvmMsrs msrs) {
    boolean writes(int msr, long value) {
      return msrs.write(msr, value) < 0;
    }
  }

  @Test
  void listsTellHowMuchRoomTheyNeed() {
    client.clear();
    assertThat(X86System.ioctl(client, Ioctls.GET_MSR_INDEX_LIST, StateClient.AT))
        .isEqualTo(-Errno.E2BIG);
    int count = client.getInt(0);
    assertThat(count).isEqualTo(MsrLists.saved().length);
    assertThat(X86System.ioctl(client, Ioctls.GET_MSR_INDEX_LIST, StateClient.AT)).isZero();
    assertThat(client.getInt(4)).isEqualTo(0x174);
  }

  @Test
  void timeStampCountersOfAVmStayTogether() {
    assertThat(client.setMsr(0x10, 5_000_000_000L)).isTrue();
    assertThat(client.msr(0x10)).isEqualTo(5_000_000_000L);
    assertThat(client.setMsr(0x10, 5_000_000_123L)).isTrue();
    assertThat(client.msr(0x10)).isEqualTo(5_000_000_000L);
    assertThat(client.setMsr(0x10, 9_000_000_000L)).isTrue();
    assertThat(client.msr(0x10)).isEqualTo(9_000_000_000L);
    assertThat(client.call(Ioctls.GET_TSC_KHZ)).isEqualTo(1_000_000);
    assertThat(client.call(Ioctls.SET_TSC_KHZ, 2_000_000)).isZero();
    assertThat(client.call(Ioctls.GET_TSC_KHZ)).isEqualTo(2_000_000);
    assertThat(client.call(Ioctls.SET_TSC_KHZ, -1)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void filterOfRegisters() {
    client.clear().putInt(KvmMsrFilter.FLAGS, 2);
    assertThat(client.vmCall(Ioctls.X86_SET_MSR_FILTER)).isEqualTo(-Errno.EINVAL);
    client.putInt(KvmMsrFilter.FLAGS, 1);
    assertThat(client.vmCall(Ioctls.X86_SET_MSR_FILTER)).isEqualTo(-Errno.EINVAL);
    int range = KvmMsrFilter.RANGES;
    client.putInt(range, MsrFilter.READ).putInt(range + 4, 70).putInt(range + 8, 0xc000_0000);
    client.putLong(range + 16, StateClient.AT + 4096).putByte(4096, 2).putByte(4096 + 8, 1 << 5);
    assertThat(client.vmCall(Ioctls.X86_SET_MSR_FILTER)).isZero();
    MsrFilter filter = client.guest.vm.state().msrFilter();
    assertThat(filter.allows(0xc000_0001, MsrFilter.READ)).isTrue();
    assertThat(filter.allows(0xc000_0001, MsrFilter.WRITE)).isFalse();
    assertThat(filter.allows(0xc000_0002, MsrFilter.READ)).isFalse();
    assertThat(filter.allows(0xc000_0045, MsrFilter.READ)).isTrue();
    assertThat(filter.allows(0xc000_0046, MsrFilter.READ)).isFalse();
    assertThat(filter.allows(0x8ff, MsrFilter.WRITE)).isTrue();
    client.putInt(range + 4, 0x600 * 8 + 1);
    assertThat(client.vmCall(Ioctls.X86_SET_MSR_FILTER)).isEqualTo(-Errno.EINVAL);
    client.putInt(range + 4, 70).putLong(range + 16, 0);
    assertThat(client.vmCall(Ioctls.X86_SET_MSR_FILTER)).isEqualTo(-Errno.EFAULT);
  }

  // CPUID.

  private int[] cpuid(int leaf, int subleaf) {
    int[] registers = new int[4];
    client.guest.vcpu.state().cpuid().query(leaf, subleaf, registers);
    return registers;
  }

  @Test
  void theGuestSeesWhatWasSet() {
    int[] basic = {0, 0, 0, 2, 0x756e_6547, 0x6c65_746e, 0x4965_6e69};
    int[] caches = {2, 1, 1, 5, 6, 7, 8};
    assertThat(client.setCpuid(basic, new int[] {1, 0, 0, 0x600, 0x800, 0, 1}, caches)).isZero();
    assertThat(cpuid(0, 99)).containsExactly(2, 0x756e_6547, 0x6c65_746e, 0x4965_6e69);
    // The APIC's bit is KVM's, and on: the APIC is enabled.
    assertThat(cpuid(1, 0)).containsExactly(0x600, 0x800, 0, 0x201);
    assertThat(cpuid(2, 1)).containsExactly(5, 6, 7, 8);
    assertThat(cpuid(2, 0)).containsExactly(0, 0, 0, 0);
    // Beyond the last leaf Intel answers with the last basic one, at the same index.
    assertThat(cpuid(0x1234, 1)).containsExactly(5, 6, 7, 8);
    assertThat(cpuid(0x8000_0001, 1)).containsExactly(5, 6, 7, 8);
    assertThat(client.setSreg(272, 0xfee0_0100L)).isZero();
    assertThat(cpuid(1, 0)[3]).isEqualTo(1);
  }

  @Test
  void cpuidInstruction() {
    int[] entry = {7, 0, 1, 1, 2, 3, 4};
    assertThat(client.setCpuid(new int[] {0, 0, 0, 7, 0, 0, 0}, entry)).isZero();
    // mov eax, 7; xor ecx, ecx; cpuid; hlt
    client.guest.realMode().store(0x1000, "66b807000000 6631c9 0fa2 f4");
    client.guest.run();
    assertThat(client.guest.gpr(0)).isEqualTo(1);
    assertThat(client.guest.gpr(3)).isEqualTo(2);
    // The vCPU has run: its model is frozen, the same table is taken.
    assertThat(client.setCpuid(new int[] {0, 0, 0, 7, 0, 0, 0}, entry)).isZero();
    assertThat(client.setCpuid(entry)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void sizesOfTables() {
    client.clear().putInt(0, 257);
    assertThat(client.call(Ioctls.SET_CPUID2)).isEqualTo(-Errno.E2BIG);
    client.supportedCpuid().clear().putInt(0, 1);
    assertThat(client.call(Ioctls.GET_CPUID2)).isEqualTo(-Errno.E2BIG);
    assertThat(client.getInt(0)).isEqualTo(1);
    assertThat(X86System.ioctl(client, Ioctls.GET_SUPPORTED_CPUID, StateClient.AT))
        .isEqualTo(-Errno.E2BIG);
    assertThat(client.setCpuid(new int[] {0x8000_0008, 0, 0, 0x3530, 0, 0, 0}))
        .isEqualTo(-Errno.EINVAL);
    assertThat(client.setCpuid(new int[] {0x8000_0008, 0, 0, 0x3930, 0, 0, 0})).isZero();
  }

  // x87 and SSE.

  private int xsaveFcw() {
    client.clear();
    assertThat(client.call(Ioctls.GET_XSAVE)).isZero();
    return client.getInt(0) & 0xffff;
  }

  /** KVM_SET_FPU stores bytes and does not say that they are in use: XSAVE and XRSTOR skip them. */
  @Test
  void setFpuIsNoUse() {
    client.clear().putInt(KvmFpu.FCW, 0x27f).putLong(KvmFpu.XMM, 0x0807_0605_0403_0201L);
    client.putInt(KvmFpu.MXCSR, -1);
    assertThat(client.call(Ioctls.SET_FPU)).isZero();
    assertThat(xsaveFcw()).isEqualTo(0x37f);
    assertThat(client.getLong(KvmXsave.XSTATE_BV)).isZero();
    assertThat(client.getInt(KvmXsave.MXCSR)).isEqualTo(0x1f80);
    client.clear();
    assertThat(client.call(Ioctls.GET_FPU)).isZero();
    assertThat(client.getInt(KvmFpu.FCW)).isEqualTo(0x27f);
    assertThat(client.getLong(KvmFpu.XMM)).isEqualTo(0x0807_0605_0403_0201L);
    assertThat(client.getInt(KvmFpu.MXCSR)).isZero();
  }

  @Test
  void theGuestGetsWhatXsaveSays() {
    client.clear().putInt(KvmXsave.FCW, 0x27f).putLong(KvmXsave.XMM, 0x1122_3344_5566_7788L);
    client.putInt(KvmXsave.MXCSR, 0x1f80).putLong(KvmXsave.XSTATE_BV, 3);
    assertThat(client.call(Ioctls.SET_XSAVE)).isZero();
    client.guest.identityTables(3);
    assertThat(client.longMode().setSreg(KvmSregs.CR4, 0x220)).isZero();
    // movq rax, xmm0; fnstcw [0x8000]; pcmpeqd xmm1, xmm1; hlt
    client.guest.store(0x1000, "66480f7ec0 d93c2500800000 660f76c9 f4").start(0x1000, 0x9000);
    assertThat(client.guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(client.guest.gpr(0)).isEqualTo(0x1122_3344_5566_7788L);
    assertThat(client.guest.bytes(0x8000, 2)).isEqualTo("7f02");
    assertThat(xsaveFcw()).isEqualTo(0x27f);
    assertThat(client.getLong(KvmXsave.XSTATE_BV)).isEqualTo(3);
    assertThat(client.getLong(KvmXsave.XMM + 16)).isEqualTo(-1);
    assertThat(client.getLong(KvmXsave.XMM + 24)).isEqualTo(-1);
  }

  @Test
  void xsaveAreasAreChecked() {
    client.clear().putLong(KvmXsave.XSTATE_BV, 1L << 63);
    assertThat(client.call(Ioctls.SET_XSAVE)).isEqualTo(-Errno.EINVAL);
    client.clear().putLong(KvmXsave.XCOMP_BV, 1L << 63);
    assertThat(client.call(Ioctls.SET_XSAVE)).isEqualTo(-Errno.EINVAL);
    client.clear().putLong(KvmXsave.XSTATE_BV, 2).putInt(KvmXsave.MXCSR, -1);
    assertThat(client.call(Ioctls.SET_XSAVE)).isEqualTo(-Errno.EINVAL);
    client.clear().putByte(KvmXsave.HEADER_END - 1, 1);
    assertThat(client.call(Ioctls.SET_XSAVE)).isEqualTo(-Errno.EINVAL);
    client.clear().putInt(KvmXsave.FCW, 0x27f);
    assertThat(client.call(Ioctls.SET_XSAVE)).isZero();
    assertThat(xsaveFcw()).isEqualTo(0x37f);
  }

  @Test
  void xcr0() {
    client.clear();
    assertThat(client.call(Ioctls.GET_XCRS)).isZero();
    assertThat(client.getInt(0)).isEqualTo(1);
    assertThat(client.getLong(16)).isEqualTo(1);
    assertThat(client.call(Ioctls.SET_XCRS)).isZero();
    client.putLong(16, 3);
    assertThat(client.call(Ioctls.SET_XCRS)).isEqualTo(-Errno.EINVAL);
    client.putLong(16, 1).putInt(4, 1);
    assertThat(client.call(Ioctls.SET_XCRS)).isEqualTo(-Errno.EINVAL);
  }

  // Events, debugging, MP state.

  private void getEvents() {
    client.clear();
    assertThat(client.call(Ioctls.GET_VCPU_EVENTS)).isZero();
  }

  @Test
  void events() {
    getEvents();
    assertThat(client.getInt(KvmVcpuEvents.FLAGS)).isEqualTo(0xd);
    client.clear().putByte(KvmVcpuEvents.EXCEPTION_INJECTED, 1);
    client.putByte(KvmVcpuEvents.EXCEPTION_NR, 2);
    assertThat(client.call(Ioctls.SET_VCPU_EVENTS)).isEqualTo(-Errno.EINVAL);
    client.putByte(KvmVcpuEvents.EXCEPTION_NR, 32);
    assertThat(client.call(Ioctls.SET_VCPU_EVENTS)).isEqualTo(-Errno.EINVAL);
    // A software exception is not told; one that does not wait keeps its fields.
    client.putByte(KvmVcpuEvents.EXCEPTION_NR, 3);
    assertThat(client.call(Ioctls.SET_VCPU_EVENTS)).isZero();
    getEvents();
    assertThat(client.getInt(0)).isEqualTo(0x300);
    client.clear().putInt(0, 1 << 16 | 200 << 8).putInt(4, 7);
    assertThat(client.call(Ioctls.SET_VCPU_EVENTS)).isZero();
    getEvents();
    assertThat(client.getInt(0)).isEqualTo(1 << 16 | 200 << 8);
    assertThat(client.getInt(4)).isEqualTo(7);
  }

  @Test
  void shadowsNmisAndFlags() {
    for (int shadow = 3; shadow >= 0; shadow--) {
      client.clear().putByte(KvmVcpuEvents.INTERRUPT_SHADOW, shadow);
      client.putInt(KvmVcpuEvents.FLAGS, KvmVcpuEvents.VALID_SHADOW);
      assertThat(client.call(Ioctls.SET_VCPU_EVENTS)).isZero();
      getEvents();
      assertThat(client.getByte(KvmVcpuEvents.INTERRUPT_SHADOW)).isEqualTo(shadow);
    }
    client.clear().putByte(KvmVcpuEvents.NMI_PENDING, 5).putByte(KvmVcpuEvents.NMI_INJECTED, 1);
    client.putInt(KvmVcpuEvents.FLAGS, KvmVcpuEvents.VALID_NMI_PENDING);
    assertThat(client.call(Ioctls.SET_VCPU_EVENTS)).isZero();
    getEvents();
    assertThat(client.getInt(KvmVcpuEvents.NMI_INJECTED)).isEqualTo(0x101);
    for (int flag : new int[] {0x10, 0x20, 0x40}) {
      client.clear().putInt(KvmVcpuEvents.FLAGS, flag);
      assertThat(client.call(Ioctls.SET_VCPU_EVENTS)).isEqualTo(-Errno.EINVAL);
    }
    client.clear().putInt(KvmVcpuEvents.FLAGS, 8).putByte(KvmVcpuEvents.SMI_SMM, 1);
    assertThat(client.call(Ioctls.SET_VCPU_EVENTS)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void payloadsAreTakenWhereEnabled() {
    long[] on = {1, 0, 0, 0};
    assertThat(client.guest.vm.enableCapability(Capabilities.EXCEPTION_PAYLOAD, 0, on)).isZero();
    client.clear().putByte(KvmVcpuEvents.EXCEPTION_PENDING, 1);
    client.putByte(KvmVcpuEvents.EXCEPTION_NR, 14).putByte(KvmVcpuEvents.EXCEPTION_HAS_PAYLOAD, 1);
    client.putLong(KvmVcpuEvents.EXCEPTION_PAYLOAD, 0x1234).putInt(KvmVcpuEvents.FLAGS, 0x10);
    assertThat(client.call(Ioctls.SET_VCPU_EVENTS)).isZero();
    getEvents();
    assertThat(client.getByte(KvmVcpuEvents.EXCEPTION_PENDING)).isEqualTo(1);
    assertThat(client.getByte(KvmVcpuEvents.EXCEPTION_INJECTED)).isZero();
    assertThat(client.getLong(KvmVcpuEvents.EXCEPTION_PAYLOAD)).isEqualTo(0x1234);
    // Switched off again, the payload goes where it belongs and pending reads as injected.
    client.guest.vm.enableCapability(Capabilities.EXCEPTION_PAYLOAD, 0, new long[4]);
    getEvents();
    assertThat(client.getByte(KvmVcpuEvents.EXCEPTION_INJECTED)).isEqualTo(1);
    assertThat(client.getByte(KvmVcpuEvents.EXCEPTION_HAS_PAYLOAD)).isZero();
    assertThat(client.sreg(232)).isEqualTo(0x1234);
  }

  @Test
  void interruptsOfUserSpace() {
    client.clear().putInt(0, 0x20);
    assertThat(client.call(Ioctls.INTERRUPT)).isZero();
    client.putInt(0, 0x21);
    assertThat(client.call(Ioctls.INTERRUPT)).isZero();
    client.putInt(0, 256);
    assertThat(client.call(Ioctls.INTERRUPT)).isEqualTo(-Errno.EINVAL);
    getEvents();
    assertThat(client.getInt(KvmVcpuEvents.INTERRUPT_INJECTED)).isEqualTo(0x2101);
    for (int i = 0; i < 4; i++) {
      assertThat(client.call(Ioctls.NMI)).isZero();
    }
    getEvents();
    assertThat(client.getByte(KvmVcpuEvents.NMI_PENDING)).isEqualTo(2);
    assertThat(client.call(Ioctls.SMI)).isEqualTo(-Errno.ENOTTY);
  }

  @Test
  void debugRegistersHave32Bits() {
    client.clear();
    assertThat(client.call(Ioctls.GET_DEBUGREGS)).isZero();
    assertThat(client.getLong(32)).isEqualTo(0xffff_0ff0L);
    assertThat(client.getLong(40)).isEqualTo(0x400);
    client.putLong(0, 1L << 63).putLong(32, 0x1000).putLong(40, 0xffff_ffffL);
    assertThat(client.call(Ioctls.SET_DEBUGREGS)).isZero();
    client.clear();
    assertThat(client.call(Ioctls.GET_DEBUGREGS)).isZero();
    assertThat(client.getLong(0)).isEqualTo(1L << 63);
    assertThat(client.getLong(32)).isEqualTo(0x1000);
    assertThat(client.getLong(40)).isEqualTo(0xffff_ffffL);
    client.putLong(40, 1L << 32);
    assertThat(client.call(Ioctls.SET_DEBUGREGS)).isEqualTo(-Errno.EINVAL);
    client.putLong(40, 0).putLong(48, 1);
    assertThat(client.call(Ioctls.SET_DEBUGREGS)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void guestDebugInjectsOnce() {
    client.clear().putInt(0, GuestDebug.ENABLE | GuestDebug.INJECT_BP);
    assertThat(client.call(Ioctls.SET_GUEST_DEBUG)).isZero();
    assertThat(client.call(Ioctls.SET_GUEST_DEBUG)).isEqualTo(-Errno.EBUSY);
    client.putInt(0, GuestDebug.SINGLESTEP);
    assertThat(client.call(Ioctls.SET_GUEST_DEBUG)).isZero();
    assertThat(client.guest.vcpu.state().debug().control()).isZero();
  }

  @Test
  void mpStatesOfAnApicNeedOne() {
    for (int state : new int[] {1, 2, 3, 4, 9, 5, 99}) {
      client.clear().putInt(0, state);
      assertThat(client.call(Ioctls.SET_MP_STATE)).isEqualTo(-Errno.EINVAL);
    }
    client.putInt(0, 0);
    assertThat(client.call(Ioctls.SET_MP_STATE)).isZero();
  }

  @Test
  void callsOfWhatIsNotThere() {
    client.clear();
    assertThat(client.call(Ioctls.GET_LAPIC)).isEqualTo(-Errno.EINVAL);
    assertThat(client.call(Ioctls.SET_LAPIC)).isEqualTo(-Errno.EINVAL);
    assertThat(client.call(Ioctls.SET_VAPIC_ADDR)).isEqualTo(-Errno.EINVAL);
    assertThat(client.call(Ioctls.KVMCLOCK_CTRL)).isEqualTo(-Errno.EINVAL);
    assertThat(client.call(Ioctls.GET_NESTED_STATE)).isEqualTo(-Errno.EINVAL);
    assertThat(client.call(Ioctls.SET_NESTED_STATE)).isEqualTo(-Errno.EINVAL);
    assertThat(client.call(Ioctls.GET_ONE_REG)).isEqualTo(-Errno.EINVAL);
    client.putInt(0, 4);
    assertThat(client.call(Ioctls.SET_SIGNAL_MASK)).isEqualTo(-Errno.EINVAL);
    client.putInt(0, 8).putLong(4, 0x200);
    assertThat(client.call(Ioctls.SET_SIGNAL_MASK)).isZero();
    assertThat(client.guest.vcpu.state().signalMask()).isEqualTo(0x200);
    assertThat(client.call(Ioctls.SET_SIGNAL_MASK, 0)).isZero();
    assertThat(client.guest.vcpu.state().signalMask()).isNull();
  }

  @Test
  void machineChecks() {
    long[] good = {0x20, 0xff_000a, 0x100_000a, 0x10a};
    for (long value : good) {
      client.clear().putLong(0, value);
      assertThat(client.call(Ioctls.X86_SETUP_MCE)).as("0x%x", value).isZero();
    }
    for (long value : new long[] {0, 0x21, 0x800_000a, 0x8000_000aL, -1}) {
      client.clear().putLong(0, value);
      assertThat(client.call(Ioctls.X86_SETUP_MCE)).as("0x%x", value).isEqualTo(-Errno.EINVAL);
    }
    // An uncorrected error while CR4.MCE is clear shuts the guest down.
    client.clear().putLong(0, 7L << 61);
    assertThat(client.call(Ioctls.X86_SET_MCE)).isZero();
    assertThat(client.guest.vcpu.state().events().tripleFault).isTrue();
  }

  @Test
  void kvmClockOfAGuest() {
    client.supportedCpuid();
    assertThat(client.setMsr(0x4b56_4d01, 0x7001)).isTrue();
    // Version 2, TSC 0, time 0, multiplier 2^31 after a shift by one, stable.
    assertThat(client.guest.bytes(0x7000, 32))
        .isEqualTo("0200000000000000" + "00".repeat(16) + "0000008001010000");
    assertThat(client.call(Ioctls.KVMCLOCK_CTRL)).isZero();
    assertThat(client.guest.bytes(0x7000, 4)).isEqualTo("04000000");
    assertThat(client.guest.bytes(0x701d, 1)).isEqualTo("03");
  }

  @Test
  void capabilitiesOfTheVm() {
    X86Vm vm = client.guest.vm;
    assertThat(enable(vm, Capabilities.X86_DISABLE_EXITS, 0xf0)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(vm, Capabilities.SPLIT_IRQCHIP, 24)).isEqualTo(-Errno.EEXIST);
    assertThat(enable(vm, Capabilities.X86_USER_SPACE_MSR, 8)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(vm, Capabilities.X86_USER_SPACE_MSR, 4)).isZero();
    assertThat(vm.state().userSpaceMsrs()).isEqualTo(4);
    // There is a vCPU: the limit is KVM's own.
    assertThat(enable(vm, Capabilities.MAX_VCPU_ID, 2)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(vm, Capabilities.MAX_VCPU_ID, 4096)).isZero();
    assertThat(vm.state().acceptsVcpuId(4095)).isTrue();
    assertThat(vm.state().acceptsVcpuId(4096)).isFalse();
    assertThat(vm.checkExtension(Capabilities.X2APIC_API)).isEqualTo(11);
    assertThat(X86System.checkExtension(Capabilities.X2APIC_API)).isEqualTo(15);
  }

  private static long enable(X86Vm vm, int capability, long value) {
    return vm.enableCapability(capability, 0, new long[] {value, 0, 0, 0});
  }
}
