package dev.quire.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.exec.X86Core;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.RunCall;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Which statistics count what; expectations by hand from Linux v6.18 arch/x86/kvm. */
class X86StatisticsTest {
  private final TestGuest guest = new TestGuest();

  @AfterEach
  void close() {
    guest.close();
  }

  private long ofVcpu(String name) {
    long[] values = new long[X86Statistics.VCPU.values()];
    guest.vcpu.statistics(values);
    return values[X86Statistics.VCPU.placeOf(name)];
  }

  private long ofVm(String name) {
    long[] values = new long[X86Statistics.VM.values()];
    guest.vm.statistics(values);
    return values[X86Statistics.VM.placeOf(name)];
  }

  @Test
  void instructionsThatLeaveTheGuest() {
    // vmcall; out %al,$0x10; outsb; hlt
    guest.realMode().store(0x1000, "0f01c1 e610 6e f4");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_IO);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_IO);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(ofVcpu("hypercalls")).isEqualTo(1);
    assertThat(ofVcpu("io_exits")).isEqualTo(2);
    assertThat(ofVcpu("insn_emulation")).as("the string").isEqualTo(1);
    assertThat(ofVcpu("halt_exits")).isEqualTo(1);
    assertThat(ofVcpu("exits") - ofVcpu("pf_taken")).isEqualTo(4);
    assertThat(ofVcpu("fpu_reload")).as("KVM_RUN").isEqualTo(3);
    assertThat(ofVcpu("signal_exits")).isZero();
  }

  @Test
  void anAccessInTwoPiecesIsOne() {
    // mov %eax,0xe; hlt: four bytes across 0x51000, which is not memory
    guest.realMode().store(0x1000, "66a30e00 f4");
    guest.core.loadSegment(X86Core.DS, 0x50ff, 0x50ff0, 0xffff, 0x9300);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(ofVcpu("mmio_exits")).isEqualTo(1);
  }

  @Test
  void eventsThatEnterTheGuest() {
    // iret; out %al,$0x10
    guest.realMode().store(0x1000, "e610").store(0x1100, "cf");
    guest.store32(4 * 2, 0x1100).store32(4 * 0x20, 0x1100);
    VcpuEvents events = guest.vcpu.state().events();
    events.interruptInjected = true;
    events.interruptVector = 0x20;
    events.nmisPending = 1;
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_IO);
    assertThat(ofVcpu("irq_injections")).isEqualTo(1);
    assertThat(ofVcpu("nmi_injections")).isEqualTo(1);
  }

  @Test
  void signalsAreCountedAndImmediateExitsAreNot() {
    guest.realMode().store(0x1000, "ebfe");
    RunCall call = guest.vcpu.run();
    assertThat(call.step(100)).isEqualTo(RunCall.MORE);
    call.signal();
    assertThat(guest.step(call)).isEqualTo(RunCall.DONE);
    assertThat(ofVcpu("signal_exits")).isEqualTo(1);
    guest.setRunByte(1, 1);
    RunCall immediate = guest.vcpu.run();
    assertThat(guest.step(immediate)).isEqualTo(RunCall.DONE);
    assertThat(immediate.result()).isEqualTo(-Errno.EINTR);
    assertThat(ofVcpu("signal_exits")).isEqualTo(1);
  }

  @Test
  void codeOutsideMemoryCannotBeEmulated() {
    guest.realMode().store(0x1000, "ea000000f0");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_INTERNAL_ERROR);
    assertThat(ofVcpu("insn_emulation")).isEqualTo(1);
    assertThat(ofVcpu("insn_emulation_fail")).isEqualTo(1);
  }

  @Test
  void pagesAreThoseOfTheSecondStageNow() {
    // mov %al,0x9000; hlt
    guest.realMode().store(0x1000, "a20090 f4");
    assertThat(ofVm("pages_4k")).isZero();
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(ofVm("pages_4k")).as("code and data").isEqualTo(2);
    guest.stage2().dirtyLogs().writeProtect(0, 9);
    guest.start(0x1000, 0x8000);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(ofVm("pages_4k")).as("one is writable again").isEqualTo(2);
    guest.stage2().unmap(9, 1);
    assertThat(ofVm("pages_4k")).isEqualTo(1);
    assertThat(ofVm("pages_2m")).isZero();
    assertThat(ofVm("pages_1g")).isZero();
  }
}
