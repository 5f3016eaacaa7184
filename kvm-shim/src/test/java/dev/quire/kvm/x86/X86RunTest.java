package dev.quire.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.exec.X86Core;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.RunCall;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** KVM_RUN's exits with the semantics of hardware; expectations by hand. */
class X86RunTest {
  private final TestGuest guest = new TestGuest();

  @AfterEach
  void close() {
    guest.close();
  }

  @Test
  void outLeavesTheProgramCounterAndInIsCompleted() {
    // mov $0x41,%al; out %al,$0x10; in $0x11,%al; hlt
    guest.realMode().store(0x1000, "b041 e610 e411 f4");
    guest.run();
    assertThat(guest.io()).isEqualTo("out1 10 x1 41");
    assertThat(guest.core.rip()).isEqualTo(0x1002);
    guest.run();
    assertThat(guest.io()).isEqualTo("in1 11 x1");
    assertThat(guest.core.rip()).isEqualTo(0x1004);
    guest.ioData("42");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rip()).isEqualTo(0x1007);
    assertThat(guest.gpr(X86Core.RAX)).isEqualTo(0x42);
  }

  @Test
  void repeatedPortStrings() {
    // rep insb; rep outsb; hlt
    guest.realMode().store(0x1000, "f36c f36e f4").store(0x9100, "616263");
    guest.core.setGpr(X86Core.RDX, 0x60);
    guest.core.setGpr(X86Core.RDI, 0x9000);
    guest.core.setGpr(X86Core.RSI, 0x9100);
    guest.core.setGpr(X86Core.RCX, 4);
    guest.run();
    assertThat(guest.io()).isEqualTo("in1 60 x4");
    assertThat(guest.gpr(X86Core.RCX)).isEqualTo(4);
    guest.ioData("71727374");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.bytes(0x9000, 5)).isEqualTo("7172737400");
    assertThat(guest.gpr(X86Core.RDI)).isEqualTo(0x9004);
    assertThat(guest.core.rflags()).isEqualTo(2);
    guest.start(0x1002, 0x8000);
    guest.core.setGpr(X86Core.RDX, 0x60);
    guest.core.setGpr(X86Core.RCX, 2);
    guest.run();
    assertThat(guest.io()).isEqualTo("out1 60 x1 61");
    assertThat(guest.gpr(X86Core.RCX)).isEqualTo(1);
    assertThat(guest.core.rip()).isEqualTo(0x1002);
    guest.run();
    assertThat(guest.io()).isEqualTo("out1 60 x1 62");
    assertThat(guest.gpr(X86Core.RCX)).isZero();
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rip()).isEqualTo(0x1005);
  }

  @Test
  void deviceReadsWritesAndBoth() {
    // mov $0x4000,%ax; mov %ax,%ds; orw $0x8001,0x30; hlt
    guest.realMode().store(0x1000, "b80040 8ed8 810e30000180 f4");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("r 40030 2");
    assertThat(guest.core.rip()).isEqualTo(0x1005);
    guest.mmioData("0200");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 40030 2 0380");
    assertThat(guest.core.rip()).isEqualTo(0x100b);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rflags()).isEqualTo(0x86);
  }

  /** A framebuffer that scrolls: both operands in one page of the device. */
  @Test
  void stringsInsideADevice() {
    // mov $0x4000,%ax; mov %ax,%ds; mov %ax,%es; mov $0x20,%di; mov $2,%cx; rep movsw; hlt
    guest.realMode().store(0x1000, "b80040 8ed8 8ec0 bf2000 b90200 f3a5 f4");
    guest.core.setGpr(X86Core.RSI, 0);
    for (int element = 0; element < 2; element++) {
      guest.run();
      assertThat(guest.mmio()).isEqualTo("r " + (40000 + 2 * element) + " 2");
      assertThat(guest.core.rflags()).isEqualTo(element == 0 ? 2 : 0x10002);
      guest.mmioData("1" + element + "20");
      guest.run();
      assertThat(guest.mmio()).isEqualTo("w " + (40020 + 2 * element) + " 2 1" + element + "20");
      assertThat(guest.core.rip()).isEqualTo(0x100d);
      assertThat(guest.core.rflags()).isEqualTo(0x10002);
      assertThat(guest.gpr(X86Core.RCX)).isEqualTo(1 - element);
    }
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rflags()).isEqualTo(2);
    // cmpsb; hlt
    guest.store(0x1100, "a6 f4").start(0x1100, 0x8000);
    guest.core.setGpr(X86Core.RSI, 0x30);
    guest.core.setGpr(X86Core.RDI, 0x38);
    guest.run();
    assertThat(guest.mmio()).as("the core's order").isEqualTo("r 40038 1");
    guest.mmioData("51");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("r 40030 1");
    guest.mmioData("50");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rflags() & 0x41).as("below, not equal").isEqualTo(1);
  }

  @Test
  void aStoreAcrossPagesOfADeviceBeginsWithTheLower() {
    // mov $0x4000,%ax; mov %ax,%ds; mov %ax,%es; movsl from 0x41002 to 0x40ffe; hlt
    guest.realMode().store(0x1000, "b80040 8ed8 8ec0 66a5 f4");
    guest.core.setGpr(X86Core.RSI, 0x1002);
    guest.core.setGpr(X86Core.RDI, 0xffe);
    guest.run();
    assertThat(guest.mmio()).isEqualTo("r 41002 4");
    guest.mmioData("11223344");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 40ffe 2 1122");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 41000 2 3344");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
  }

  @Test
  void repeatedStoresToADevice() {
    // mov $0x4000,%ax; mov %ax,%es; xor %di,%di; mov $2,%cx; mov $0x55,%al; rep stosb; hlt
    guest.realMode().store(0x1000, "b80040 8ec0 31ff b90200 b055 f3aa f4");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 40000 1 55");
    assertThat(guest.core.rip()).isEqualTo(0x100c);
    assertThat(guest.core.rflags()).isEqualTo(0x10046);
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 40001 1 55");
    assertThat(guest.core.rip()).isEqualTo(0x100c);
    assertThat(guest.gpr(X86Core.RCX)).isZero();
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rip()).isEqualTo(0x100f);
    assertThat(guest.core.rflags()).isEqualTo(0x46);
  }

  @Test
  void storesToReadOnlyMemoryAreADevicesAndLoadsAreNot() {
    guest.realMode().store(0x1000, "fe060090 f4").store(0x9000, "33");
    guest.stage2().setRegion(0, 0, 0, 0, 0);
    guest.stage2().setRegion(0, 0, 0, 0x8000, TestGuest.HVA);
    guest.stage2().setRegion(1, 2, 0x8000, 0x8000, TestGuest.HVA + 0x8000);
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 9000 1 34");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.bytes(0x9000, 1)).isEqualTo("33");
  }

  @Test
  void immediateExitFinishesWhatIsPending() {
    guest.realMode().store(0x1000, "e422 f4");
    guest.run();
    guest.ioData("7f");
    guest.setRunByte(1, 1);
    RunCall call = guest.vcpu.run();
    assertThat(guest.step(call)).isEqualTo(RunCall.DONE);
    assertThat(call.result()).isEqualTo(-Errno.EINTR);
    assertThat(guest.gpr(X86Core.RAX)).isEqualTo(0x7f);
    assertThat(guest.core.rip()).isEqualTo(0x1002);
  }

  @Test
  void aSignalEndsALoop() {
    guest.realMode().store(0x1000, "ebfe");
    RunCall call = guest.vcpu.run();
    assertThat(call.step(1000)).isEqualTo(RunCall.MORE);
    call.signal();
    assertThat(call.step(1000)).isEqualTo(RunCall.DONE);
    assertThat(call.result()).isEqualTo(-Errno.EINTR);
    assertThat(guest.exitReason()).isEqualTo(KvmRun.EXIT_INTR);
  }

  @Test
  void theInterruptWindowOpensBehindTheShadowOfSti() {
    guest.realMode().store(0x1000, "90 fb 90 90 ebfe");
    guest.setRunByte(0, 1);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_IRQ_WINDOW_OPEN);
    assertThat(guest.core.rip()).isEqualTo(0x1003);
    assertThat(guest.runByte(12)).isEqualTo(1);
    assertThat(guest.runByte(13)).isEqualTo(1);
  }

  @Test
  void injectedInterruptsAndNmis() {
    guest.realMode().store(0x1000, "ebfe").store(0x2000, "b377 f4").store32(0x80, 0x2000);
    guest.store32(8, 0x2000);
    guest.core.setRflags(0x202);
    guest.vcpu.state().events().queueInterrupt(0x20);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.bytes(0x7ffa, 6)).isEqualTo("001000000202");
    guest.start(0x1000, 0x8000);
    guest.vcpu.state().events().addNmi();
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rip()).isEqualTo(0x2003);
    assertThat(guest.vcpu.state().events().nmiMasked).isTrue();
  }

  @Test
  void aTripleFaultShutsDown() {
    guest.protectedMode(0, 0).store(0x1000, "0f0b");
    guest.core.setIdtr(0, 0);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_SHUTDOWN);
    assertThat(guest.core.rip()).isEqualTo(0x1000);
  }

  @Test
  void singleStepsAndBreakpoints() {
    guest.realMode().store(0x1000, "90 40 f4");
    GuestDebug debug = guest.vcpu.state().debug();
    debug.control = GuestDebug.ENABLE | GuestDebug.SINGLESTEP;
    for (int step = 1; step <= 2; step++) {
      assertThat(guest.run()).isEqualTo(KvmRun.EXIT_DEBUG);
      assertThat(guest.runLong(40)).isEqualTo(0x1000 + step);
      assertThat(guest.runLong(48)).isEqualTo(0xffff_4ff0L);
    }
    guest.start(0x1000, 0x8000);
    debug.control = GuestDebug.ENABLE | GuestDebug.USE_HW_BP;
    debug.addresses[0] = 0x1001;
    debug.dr7 = 0x401;
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_DEBUG);
    assertThat(guest.core.rip()).isEqualTo(0x1001);
    assertThat(guest.runLong(48)).isEqualTo(0xffff_0ff1L);
    guest.store(0x1000, "cc f4");
    guest.start(0x1000, 0x8000);
    debug.control = GuestDebug.ENABLE | GuestDebug.USE_SW_BP;
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_DEBUG);
    assertThat(guest.runInt(32)).isEqualTo(3);
    assertThat(guest.runLong(40)).isEqualTo(0x1000);
    assertThat(guest.core.rip()).isEqualTo(0x1000);
  }

  @Test
  void dataBreakpointsStopBehindTheAccess() {
    guest.realMode().store(0x1000, "a10090 a30090 f4");
    GuestDebug debug = guest.vcpu.state().debug();
    debug.control = GuestDebug.ENABLE | GuestDebug.USE_HW_BP;
    debug.addresses[1] = 0x9000;
    // Writes, two bytes.
    debug.dr7 = 0x404 | 0x5L << 20;
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_DEBUG);
    assertThat(guest.core.rip()).isEqualTo(0x1006);
    assertThat(guest.runLong(48)).isEqualTo(0xffff_0ff2L);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
  }

  @Test
  void aPageTheHostDoesNotHaveEndsTheCall() {
    guest.realMode().store(0x1000, "b055 a20090 f4");
    guest.process.munmap(TestGuest.HVA + 0x9000, 0x1000);
    RunCall call = guest.vcpu.run();
    assertThat(guest.step(call)).isEqualTo(RunCall.DONE);
    assertThat(call.result()).isEqualTo(-Errno.EFAULT);
    assertThat(guest.core.rip()).isEqualTo(0x1002);
  }

  @Test
  void codeWhereNoMemoryIsCannotBeEmulated() {
    guest.realMode();
    guest.core.loadCodeSegment(0xf000, 0xf0000, 0xffff, 0x9b00, 0);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_INTERNAL_ERROR);
    assertThat(guest.runInt(32)).isEqualTo(KvmRun.ERROR_EMULATION);
    assertThat(guest.core.rip()).isEqualTo(0x1000);
  }

  @Test
  void anInstructionKvmDoesNotEmulateCannotReachADevice() {
    // mov $0x4000,%ax; mov %ax,%ds; flds 0x10; hlt
    guest.realMode().store(0x1000, "b80040 8ed8 d9061000 f4");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_INTERNAL_ERROR);
    assertThat(guest.runInt(32)).isEqualTo(KvmRun.ERROR_EMULATION);
    assertThat(guest.runLong(40)).isEqualTo(1);
    assertThat(guest.runByte(48)).isEqualTo(4);
    assertThat(guest.runByte(49)).isEqualTo(0xd9);
    assertThat(guest.core.rip()).isEqualTo(0x1005);
  }

  @Test
  void anInstructionThatStoresHundredsOfBytesCannotReachADevice() {
    // mov $0x4000,%ax; mov %ax,%ds; fxsave 0x10; hlt
    guest.realMode().store(0x1000, "b80040 8ed8 0fae061000 f4");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_INTERNAL_ERROR);
    assertThat(guest.runInt(32)).isEqualTo(KvmRun.ERROR_EMULATION);
    assertThat(guest.core.rip()).isEqualTo(0x1005);
  }

  /** The emulator's group 6 ends with LTR. */
  @Test
  void verrCannotReachADevice() {
    guest.protectedMode(0, 0).store(0x1000, "0f002500000400 f4");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_INTERNAL_ERROR);
    assertThat(guest.core.rip()).isEqualTo(0x1000);
  }

  @Test
  void unknownHypercallsAreAnsweredWithoutAnExit() {
    // mov $99,%eax; vmcall; hlt
    guest.protectedMode(0, 0).store(0x1000, "b863000000 0f01c1 f4");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.gpr(X86Core.RAX)).isEqualTo(-1000 & 0xffff_ffffL);
  }

  @Test
  void vmmcallBecomesVmcall() {
    guest.protectedMode(0, 0).store(0x1000, "b801000000 0f01d9 f4");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.gpr(X86Core.RAX)).isZero();
    assertThat(guest.bytes(0x1005, 3)).isEqualTo("0f01c1");
  }

  @Test
  void anUnknownMsrIsAGeneralProtectionFault() {
    // rdmsr with #GP's vector at 0x2000: hlt
    guest.realMode().store(0x1000, "0f32 f4").store(0x2000, "f4").store32(4 * 13, 0x2000);
    guest.core.setGpr(X86Core.RCX, 0x12345);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.core.rip()).isEqualTo(0x2001);
    assertThat(guest.bytes(0x7ffa, 2)).isEqualTo("0010");
  }

  @Test
  void anAccessAcrossDevicePagesIsInFragments() {
    // 64-bit: mov %rax,(%rbx) at 0x40ffd, which is no memory: 3 and 5 bytes
    guest.supportedCpuid().identityTables(3).longMode(0x2000).store(0x1000, "488903 f4");
    guest.store64(0x5000 + 8 * 0x40, 0x40003, 0x41003);
    guest.core.setGpr(X86Core.RAX, 0x1122334455667788L);
    guest.core.setGpr(X86Core.RBX, 0x40ffd);
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 40ffd 3 887766");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("w 41000 5 5544332211");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
  }

  @Test
  void registersTravelInKvmRun() {
    guest.realMode().store(0x1000, "40 f4");
    guest.setRunLong(288, KvmRun.SYNC_REGS);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.runLong(304)).isEqualTo(1);
    assertThat(guest.runLong(304 + 128)).isEqualTo(0x1002);
    guest.setRunLong(304, 41);
    guest.setRunLong(304 + 128, 0x1000);
    guest.setRunLong(296, KvmRun.SYNC_REGS);
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(guest.runLong(304)).isEqualTo(42);
    assertThat(guest.runLong(296)).isZero();
    guest.setRunLong(288, 8);
    RunCall call = guest.vcpu.run();
    assertThat(guest.step(call)).isEqualTo(RunCall.DONE);
    assertThat(call.result()).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void aPageOnItsWayFromUserSpaceIsWaitedForAndASignalEndsTheWait() {
    guest.realMode().store(0x1000, "a00090 f4");
    guest.armUserfault(0x9000);
    RunCall call = guest.vcpu.run();
    assertThat(guest.step(call)).isEqualTo(RunCall.WAITING);
    assertThat(guest.step(call)).isEqualTo(RunCall.WAITING);
    call.signal();
    assertThat(guest.step(call)).isEqualTo(RunCall.DONE);
    assertThat(call.result()).isEqualTo(-Errno.EINTR);
    assertThat(guest.core.rip()).isEqualTo(0x1000);
  }
}
