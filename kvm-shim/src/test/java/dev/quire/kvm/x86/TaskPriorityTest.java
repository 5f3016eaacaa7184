package dev.quire.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.exec.X86Core;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kvm.TestClient;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import org.junit.jupiter.api.Test;

/**
 * The task priority as user space sees it: KVM_EXIT_SET_TPR (Linux v6.18 arch/x86/kvm/vmx/vmx.c,
 * handle_cr), KVM_EXIT_TPR_ACCESS and the virtual APIC page (lapic.c).
 */
class TaskPriorityTest {
  private static final int CR8 = 16;
  private static final long PRESENT_WRITABLE = 3;

  private static TestGuest longMode(String code) {
    TestGuest guest = new TestGuest().identityTables(PRESENT_WRITABLE);
    return guest.store(0x1000, code).longMode(0x2000);
  }

  @Test
  void onlyAFallingPriorityIsAnExit() {
    // mov $5,%eax; mov %rax,%cr8; the same; mov $3,%eax; mov %rax,%cr8; out %al,$0x10
    try (TestGuest guest = longMode("b805000000 440f22c0 440f22c0 b803000000 440f22c0 e610")) {
      assertThat(guest.run()).isEqualTo(KvmRun.EXIT_SET_TPR);
      assertThat(guest.runLong(CR8)).isEqualTo(3);
      assertThat(guest.core.rip()).isEqualTo(0x1016);
      assertThat(guest.run()).isEqualTo(KvmRun.EXIT_IO);
    }
  }

  @Test
  void whatUserSpaceGivesIsWhatTheGuestReads() {
    // mov %cr8,%rax; mov $4,%ecx; mov %rcx,%cr8; out %al,$0x10
    try (TestGuest guest = longMode("440f20c0 b904000000 440f22c1 e610")) {
      guest.setRunLong(CR8, 7);
      assertThat(guest.run()).as("from 7 to 4").isEqualTo(KvmRun.EXIT_SET_TPR);
      assertThat(guest.gpr(X86Core.RAX)).isEqualTo(7);
      assertThat(guest.runLong(CR8)).isEqualTo(4);
    }
  }

  /** handle_cr takes the low byte; what does not fit four bits of it is refused. */
  @Test
  void eightBitsOfTheValueCount() {
    // mov $0x105,%eax; mov %rax,%cr8; out %al,$0x10; mov $0x10,%eax; mov %rax,%cr8
    try (TestGuest guest = longMode("b805010000 440f22c0 e610 b810000000 440f22c0")) {
      assertThat(guest.run()).isEqualTo(KvmRun.EXIT_IO);
      assertThat(guest.runLong(CR8)).isEqualTo(5);
      assertThat(guest.run()).as("#GP without tables").isEqualTo(KvmRun.EXIT_SHUTDOWN);
      assertThat(guest.runLong(CR8)).isEqualTo(5);
    }
  }

  private static TestClient client() {
    return new TestClient(
        new X86Architecture(),
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 1 << 16),
        new LinuxX86Pte(Ia32ePte.FOUR_LEVEL),
        0) {};
  }

  /** Real mode at 0:1000 with 4 GiB of data, an in-kernel irqchip. */
  private static Descriptor start(TestClient client, String code) {
    TestClient.require(client.vm.ioctl(client, Ioctls.CREATE_IRQCHIP, 0));
    Descriptor vcpu = client.createVcpu(0);
    TestClient.require(vcpu.ioctl(client, Ioctls.GET_SREGS, TestClient.ARGUMENT));
    client.clearSegmentBases();
    TestClient.require(vcpu.ioctl(client, Ioctls.SET_SREGS, TestClient.ARGUMENT));
    client.unlimitData(vcpu);
    client.put(0);
    client.put64At(16 * 8, 0x1000, 2);
    TestClient.require(vcpu.ioctl(client, Ioctls.SET_REGS, TestClient.ARGUMENT));
    client.bytes(0x1000, code.replace(" ", ""));
    return vcpu;
  }

  private static long rip(TestClient client, Descriptor vcpu) {
    TestClient.require(vcpu.ioctl(client, Ioctls.GET_REGS, TestClient.ARGUMENT));
    return client.word64(16 * 8);
  }

  @Test
  void accessesByThePageAreReportedWhereAskedFor() {
    try (TestClient client = client()) {
      // mov $0xfee00080,%esi; movl $0x20,(%esi); mov (%esi),%eax; out %al,$0x10
      Descriptor vcpu = start(client, "66be8000e0fe 67 66c70620000000 67 668b06 e610");
      client.put(0, 1);
      assertThat(vcpu.ioctl(client, Ioctls.TPR_ACCESS_REPORTING, TestClient.ARGUMENT)).isZero();
      assertThat(client.run(vcpu)).isZero();
      assertThat(TestClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_TPR_ACCESS);
      assertThat(TestClient.runWord64(vcpu, 32)).as("the instruction").isEqualTo(0x1006);
      assertThat(TestClient.runWord(vcpu, 40)).as("a write").isEqualTo(1);
      assertThat(TestClient.runWord64(vcpu, CR8)).isEqualTo(2);
      assertThat(rip(client, vcpu)).as("it is done").isEqualTo(0x100e);
      assertThat(client.run(vcpu)).isZero();
      assertThat(TestClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_TPR_ACCESS);
      assertThat(TestClient.runWord64(vcpu, 32)).isEqualTo(0x100e);
      assertThat(TestClient.runWord(vcpu, 40)).as("a read").isZero();
      client.put(0, 0);
      assertThat(vcpu.ioctl(client, Ioctls.TPR_ACCESS_REPORTING, TestClient.ARGUMENT)).isZero();
      assertThat(client.run(vcpu)).isZero();
      assertThat(TestClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_IO);
      TestClient.require(vcpu.ioctl(client, Ioctls.GET_REGS, TestClient.ARGUMENT));
      assertThat(client.word64(0) & 0xff).isEqualTo(0x20);
    }
  }

  @Test
  void theVirtualPageHoldsThePriority() {
    try (TestClient client = client()) {
      // mov $0xfee00080,%esi; movl $0x20,(%esi); mov 0x6000,%eax; movb $0x50,0x6000; out
      Descriptor vcpu = start(client, "66be8000e0fe 67 66c70620000000 66a10060 c606006050 e610");
      client.put(0).put64(0x6000);
      assertThat(vcpu.ioctl(client, Ioctls.SET_VAPIC_ADDR, TestClient.ARGUMENT)).isZero();
      assertThat(client.run(vcpu)).isZero();
      TestClient.require(vcpu.ioctl(client, Ioctls.GET_REGS, TestClient.ARGUMENT));
      assertThat(client.word64(0)).as("what the page gave").isEqualTo(0x20);
      assertThat(TestClient.runWord64(vcpu, CR8)).as("what it took").isEqualTo(5);
    }
  }
}
