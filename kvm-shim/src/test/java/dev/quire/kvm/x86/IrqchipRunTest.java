package dev.quire.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kvm.TestClient;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.vm.RunCall;
import dev.quire.kvm.vm.VcpuFile;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Guests whose interrupt controllers are in the kernel; expectations by hand. */
class IrqchipRunTest {
  private static final int SLICE = 1000;

  private final TestClient client =
      new TestClient(
          new X86Architecture(),
          KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 1 << 16),
          new LinuxX86Pte(Ia32ePte.FOUR_LEVEL),
          0) {};

  @AfterEach
  void close() {
    client.close();
  }

  private Descriptor vcpuWithIrqchip(int id) {
    if (id == 0) {
      TestClient.require(client.vm.ioctl(client, Ioctls.CREATE_IRQCHIP, 0));
    }
    return client.createVcpu(id);
  }

  /** Real mode at cs:ip 0:1000, the stack at 8000, interrupts off. */
  private void start(Descriptor vcpu) {
    TestClient.require(vcpu.ioctl(client, Ioctls.GET_SREGS, TestClient.ARGUMENT));
    client.clearSegmentBases();
    TestClient.require(vcpu.ioctl(client, Ioctls.SET_SREGS, TestClient.ARGUMENT));
    client.put(0);
    client.put64At(6 * 8, 0x8000);
    client.put64At(16 * 8, 0x1000, 2);
    TestClient.require(vcpu.ioctl(client, Ioctls.SET_REGS, TestClient.ARGUMENT));
  }

  private static int step(RunCall call) {
    int state = call.step(SLICE);
    for (int i = 0; i < 100 && state == RunCall.MORE; i++) {
      state = call.step(SLICE);
    }
    return state;
  }

  @Test
  void aLineWakesAHaltedGuestThroughThePic() {
    Descriptor vcpu = vcpuWithIrqchip(0);
    // ICW1..4 with base 0x20, all unmasked; sti; hlt; then at int 0x24: out %al,$0x55
    client.bytes(
        0x1000, "b011 e620 b020 e621 b004 e621 b001 e621 b000 e621 fb f4 ebfe".replace(" ", ""));
    client.bytes(0x2000, "b077 e655 ebfe".replace(" ", ""));
    client.bytes(0x24 * 4, "00200000");
    start(vcpu);
    RunCall call = ((VcpuFile) vcpu).begin(client, Ioctls.RUN, 0);
    assertThat(step(call)).isEqualTo(RunCall.WAITING);
    client.put(0, 4, 1);
    assertThat(client.vm.ioctl(client, Ioctls.IRQ_LINE, TestClient.ARGUMENT)).isZero();
    assertThat(step(call)).isEqualTo(RunCall.DONE);
    assertThat(TestClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_IO);
    assertThat(TestClient.runWord(vcpu, 34) & 0xffff).isEqualTo(0x55);
  }

  @Test
  void theLocalApicsTimerFiresInVirtualTime() {
    Descriptor vcpu = vcpuWithIrqchip(0);
    // Flat addresses by a 32-bit offset: big real mode is entered for the APIC's page.
    // mov $0xfee000f0,%esi; movl $0x1ff,%ds:(%esi); ... LVT timer 0x40, divide by 1, count 1000000
    client.bytes(
        0x1000,
        ("66bef000e0fe 67 66c706ff010000" // SVR: on
                + "66be2003e0fe 67 66c70640000000" // LVT timer: one-shot, vector 0x40
                + "66bee003e0fe 67 66c7060b000000" // divide by 1
                + "66be8003e0fe 67 66c70640420f00" // initial count 1,000,000
                + "fb f4 ebfe")
            .replace(" ", ""));
    client.bytes(0x2000, "0f31 e655 ebfe".replace(" ", ""));
    client.bytes(0x40 * 4, "00200000");
    start(vcpu);
    client.unlimitData(vcpu);
    assertThat(client.run(vcpu)).isZero();
    assertThat(TestClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_IO);
    TestClient.require(vcpu.ioctl(client, Ioctls.GET_REGS, TestClient.ARGUMENT));
    assertThat(client.word64(0))
        .as("rdtsc: 1 GHz of virtual time")
        .isBetween(1_000_000L, 1_000_100L);
  }

  /** Interrupts are off, and a timer goes on for ever: the turn ends all the same. */
  @Test
  void aGuestThatNothingWakesDoesNotKeepTheThread() {
    Descriptor vcpu = vcpuWithIrqchip(0);
    client.put(0);
    TestClient.require(client.vm.ioctl(client, Ioctls.CREATE_PIT2, TestClient.ARGUMENT));
    // PIT: channel 0, mode 2, count 0x1000; hlt
    client.bytes(0x1000, "b034 e643 b000 e640 b010 e640 f4".replace(" ", ""));
    start(vcpu);
    RunCall call = ((VcpuFile) vcpu).begin(client, Ioctls.RUN, 0);
    assertThat(call.step(SLICE)).isEqualTo(RunCall.MORE);
    assertThat(call.step(SLICE)).isEqualTo(RunCall.MORE);
    call.signal();
    assertThat(step(call)).isEqualTo(RunCall.DONE);
    assertThat(call.result()).isEqualTo(-4);
  }

  @Test
  void startUpMessagesStartTheOthers() {
    Descriptor boot = vcpuWithIrqchip(0);
    Descriptor other = vcpuWithIrqchip(1);
    RunCall waits = ((VcpuFile) other).begin(client, Ioctls.RUN, 0);
    assertThat(step(waits)).isEqualTo(RunCall.WAITING);
    // INIT to all others, then start-up at page 3; hlt
    client.bytes(
        0x1000, ("66be0003e0fe 67 66c706 00450c00" + "67 66c706 03460c00" + "f4").replace(" ", ""));
    client.bytes(0x3000, "8cc8 e655".replace(" ", ""));
    start(boot);
    client.unlimitData(boot);
    RunCall first = ((VcpuFile) boot).begin(client, Ioctls.RUN, 0);
    assertThat(step(first)).isEqualTo(RunCall.WAITING);
    assertThat(step(waits)).isEqualTo(RunCall.DONE);
    assertThat(waits.result()).as("no longer uninitialized").isEqualTo(-11);
    assertThat(client.run(other)).isZero();
    assertThat(TestClient.exitReason(other)).isEqualTo(KvmRun.EXIT_IO);
    TestClient.require(other.ioctl(client, Ioctls.GET_REGS, TestClient.ARGUMENT));
    assertThat(client.word64(0) & 0xffff).as("its code segment").isEqualTo(0x300);
    first.signal();
    assertThat(step(first)).isEqualTo(RunCall.DONE);
  }
}
