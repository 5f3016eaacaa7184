package dev.quire.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.exec.X86Core;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.RunCall;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * INS and OUTS between ports and devices; expectations by hand from Linux v6.18
 * arch/x86/kvm/emulate.c, and what a Linux 6.18.44 does (kvm_port_strings.c of the programs that
 * KvmProgramsTest runs). Memory ends at 0x40000.
 */
class PortStringsTest {
  private static final long RF = 0x10000;

  private final TestGuest guest = new TestGuest();

  @AfterEach
  void close() {
    guest.close();
  }

  /** Real mode, DS and ES at 0x40000, DX 0x60. */
  private TestGuest atDevice(String code) {
    guest.realMode().store(0x1000, code);
    guest.core.loadSegment(X86Core.DS, 0x4000, 0x40000, 0xffff, 0x9300);
    guest.core.loadSegment(X86Core.ES, 0x4000, 0x40000, 0xffff, 0x9300);
    guest.core.setGpr(X86Core.RDX, 0x60);
    guest.core.setGpr(X86Core.RDI, 0x10);
    guest.core.setGpr(X86Core.RSI, 0x10);
    return guest;
  }

  private long ofVcpu(String name) {
    long[] values = new long[X86Statistics.VCPU.values()];
    guest.vcpu.statistics(values);
    return values[X86Statistics.VCPU.placeOf(name)];
  }

  @Test
  void outsLoadsFromTheDeviceFirst() {
    // rep outsb; hlt
    atDevice("f36e f4").core.setGpr(X86Core.RCX, 2);
    for (int element = 0; element < 2; element++) {
      guest.run();
      assertThat(guest.mmio()).isEqualTo("r " + (40010 + element) + " 1");
      assertThat(guest.core.rflags()).isEqualTo(2 | (element == 0 ? 0 : RF));
      assertThat(guest.gpr(X86Core.RCX)).isEqualTo(2 - element);
      guest.mmioData("4" + element);
      guest.run();
      assertThat(guest.io()).isEqualTo("out1 60 x1 4" + element);
      assertThat(guest.core.rflags()).isEqualTo(2 | RF);
      assertThat(guest.core.rip()).isEqualTo(0x1000);
      assertThat(guest.gpr(X86Core.RCX)).isEqualTo(1 - element);
    }
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rflags()).isEqualTo(2);
    assertThat(ofVcpu("io_exits")).isEqualTo(2);
    assertThat(ofVcpu("mmio_exits")).isEqualTo(2);
    assertThat(ofVcpu("insn_emulation")).isEqualTo(2);
    assertThat(ofVcpu("pf_emulate")).as("the guest never got to the device").isZero();
  }

  @Test
  void insStoresAllThatWasReadInPiecesOfEight() {
    // rep insb; hlt
    atDevice("f36c f4").core.setGpr(X86Core.RCX, 9);
    guest.run();
    assertThat(guest.io()).isEqualTo("in1 60 x9");
    guest.ioData("313233343536373839");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 40010 8 3132333435363738");
    assertThat(guest.gpr(X86Core.RCX)).isZero();
    assertThat(guest.core.rip()).isEqualTo(0x1000);
    guest.setRunByte(1, 1);
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 40018 1 39");
    RunCall immediate = guest.vcpu.run();
    assertThat(guest.step(immediate)).isEqualTo(RunCall.DONE);
    assertThat(immediate.result()).isEqualTo(-Errno.EINTR);
    guest.setRunByte(1, 0);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rip()).isEqualTo(0x1003);
    assertThat(ofVcpu("mmio_exits")).isEqualTo(1);
  }

  @Test
  void whatDescendsIsReadAgainForEachElementOfTheDevices() {
    // std; rep insw; hlt
    atDevice("fd f36d f4").core.setGpr(X86Core.RCX, 2);
    guest.run();
    assertThat(guest.io()).isEqualTo("in2 60 x2");
    guest.ioData("11223344");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 40010 2 1122");
    guest.run();
    assertThat(guest.io()).isEqualTo("in2 60 x1");
    assertThat(guest.core.rflags()).isEqualTo(0x402 | RF);
    guest.ioData("5566");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 4000e 2 5566");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rip()).isEqualTo(0x1004);
  }

  @Test
  void theInstructionGoesOnWhereverTheClientPutTheProgramCounter() {
    // insb; hlt
    atDevice("6c f4");
    guest.run();
    guest.core.setRip(0x3000);
    guest.ioData("55");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 40010 1 55");
    assertThat(guest.core.rip()).isEqualTo(0x1001);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
  }

  @Test
  void aPortIsReadOnceThoughThePageIsOnItsWay() {
    // insb to 0x9000, where nothing is until user space answers
    atDevice("6c f4").armUserfault(0x9000);
    guest.core.loadSegment(X86Core.ES, 0, 0, 0xffff, 0x9300);
    guest.core.setGpr(X86Core.RDI, 0x9000);
    guest.run();
    assertThat(guest.io()).isEqualTo("in1 60 x1");
    guest.ioData("77");
    RunCall call = guest.vcpu.run();
    assertThat(guest.step(call)).isEqualTo(RunCall.WAITING);
    call.signal();
    assertThat(guest.step(call)).isEqualTo(RunCall.DONE);
    assertThat(call.result()).isEqualTo(-Errno.EINTR);
    guest.process.munmap(TestGuest.HVA + 0x9000, 0x1000);
    RunCall without = guest.vcpu.run();
    assertThat(guest.step(without)).isEqualTo(RunCall.DONE);
    assertThat(without.result()).isEqualTo(-Errno.EFAULT);
    assertThat(guest.core.rip()).isEqualTo(0x1000);
    assertThat(ofVcpu("io_exits")).isEqualTo(1);
  }

  @Test
  void aTableOutsideMemoryIsNone() {
    // 64-bit: insb; hlt, where the page of 0x200000 has a table at 0x50000; no #PF handler
    guest.supportedCpuid().identityTables(3).longMode(0x2000).store(0x1000, "6c f4");
    guest.store64(0x4008, 0x50003);
    guest.core.setGpr(X86Core.RDX, 0x60);
    guest.core.setGpr(X86Core.RDI, 0x20_0000);
    guest.core.setIdtr(0, 0);
    guest.run();
    assertThat(guest.io()).isEqualTo("in1 60 x1");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_SHUTDOWN);
    assertThat(guest.core.cr2()).isEqualTo(0x20_0000);
  }
}
