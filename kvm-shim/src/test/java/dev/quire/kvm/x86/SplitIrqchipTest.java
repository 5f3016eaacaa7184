package dev.quire.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kvm.TestClient;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.vm.RunCall;
import dev.quire.kvm.vm.VcpuFile;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Local APICs in the kernel, PICs and IOAPIC in user space: ends of interrupts and windows as Linux
 * v6.18 arch/x86/kvm/lapic.c, irq.c and x86.c have them.
 */
class SplitIrqchipTest {
  private static final int PINS = 24;
  private static final int LEVEL = 1 << 15;
  private static final int MSI = 2;
  private static final int MSI_ADDRESS = 0xfee0_0000;
  private static final int OF_APIC_1 = 1 << 12;

  /** SVR on, with 32-bit addresses; sti; hlt; again. */
  private static final String WAIT = "66bef000e0fe 67 66c706ff010000 fb f4 ebfd";

  /** EOI by the page, 14 bytes; out %al,$0x55; iret. */
  private static final String HANDLER = "66beb000e0fe 67 66c70600000000 e655 cf";

  private final TestClient client =
      new TestClient(
          new X86Architecture(),
          KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 1 << 16),
          new LinuxX86Pte(Ia32ePte.FOUR_LEVEL),
          0) {};

  private Descriptor vcpu;

  @BeforeEach
  void create() {
    client.put(0, Capabilities.SPLIT_IRQCHIP, 0).put64(PINS);
    TestClient.require(client.vm.ioctl(client, Ioctls.ENABLE_CAP, TestClient.ARGUMENT));
    vcpu = client.createVcpu(0);
    TestClient.require(vcpu.ioctl(client, Ioctls.GET_SREGS, TestClient.ARGUMENT));
    client.clearSegmentBases();
    TestClient.require(vcpu.ioctl(client, Ioctls.SET_SREGS, TestClient.ARGUMENT));
    client.unlimitData(vcpu);
    client.put(0);
    client.put64At(6 * 8, 0x8000);
    client.put64At(16 * 8, 0x1000, 2);
    TestClient.require(vcpu.ioctl(client, Ioctls.SET_REGS, TestClient.ARGUMENT));
    code(0x1000, WAIT);
    code(0x2000, HANDLER);
    client.bytes(0x40 * 4, "00200000");
    client.bytes(0x41 * 4, "00200000");
  }

  @AfterEach
  void close() {
    client.close();
  }

  private void code(long gpa, String hex) {
    client.bytes(gpa, hex.replace(" ", ""));
  }

  /** Routes GSIs to messages: gsi, address, data each. */
  private void route(int... entries) {
    int count = entries.length / 3;
    int[] words = new int[2 + 12 * count];
    words[0] = count;
    for (int i = 0; i < count; i++) {
      words[2 + 12 * i] = entries[3 * i];
      words[3 + 12 * i] = MSI;
      words[6 + 12 * i] = entries[3 * i + 1];
      words[8 + 12 * i] = entries[3 * i + 2];
    }
    client.put(0, words);
    TestClient.require(client.vm.ioctl(client, Ioctls.SET_GSI_ROUTING, TestClient.ARGUMENT));
  }

  private void raise(int gsi) {
    client.put(0, gsi, 1);
    TestClient.require(client.vm.ioctl(client, Ioctls.IRQ_LINE, TestClient.ARGUMENT));
  }

  private long rip() {
    TestClient.require(vcpu.ioctl(client, Ioctls.GET_REGS, TestClient.ARGUMENT));
    return client.word64(16 * 8);
  }

  private RunCall begin() {
    return ((VcpuFile) vcpu).begin(client, Ioctls.RUN, 0);
  }

  private int step(RunCall call) {
    int state = call.step(1000);
    for (int i = 0; i < 100 && state == RunCall.MORE; i++) {
      state = call.step(1000);
    }
    return state;
  }

  /** Lets the guest halt, does something and runs to the next exit. */
  private int exitAfter(Runnable what) {
    RunCall call = begin();
    assertThat(step(call)).isEqualTo(RunCall.WAITING);
    what.run();
    assertThat(step(call)).isEqualTo(RunCall.DONE);
    assertThat(call.result()).isZero();
    return TestClient.exitReason(vcpu);
  }

  private int run() {
    assertThat(client.run(vcpu)).isZero();
    return TestClient.exitReason(vcpu);
  }

  @Test
  void theEndOfALevelTriggeredPinsInterruptIsAnExit() {
    route(5, MSI_ADDRESS, LEVEL | 0x40);
    assertThat(exitAfter(() -> raise(5))).isEqualTo(KvmRun.EXIT_IOAPIC_EOI);
    assertThat(TestClient.runWord(vcpu, 32) & 0xff).isEqualTo(0x40);
    assertThat(rip()).as("behind the write to the EOI register").isEqualTo(0x200e);
    assertThat(run()).isEqualTo(KvmRun.EXIT_IO);
  }

  @Test
  void edgesAndGsisBehindThePinsAreNobodysBusiness() {
    route(5, MSI_ADDRESS, 0x41, PINS, MSI_ADDRESS, LEVEL | 0x40);
    assertThat(exitAfter(() -> raise(5))).isEqualTo(KvmRun.EXIT_IO);
    assertThat(exitAfter(() -> raise(PINS))).isEqualTo(KvmRun.EXIT_IO);
  }

  @Test
  void routesToOtherProcessorsAreNotThisOnes() {
    route(5, MSI_ADDRESS | OF_APIC_1, LEVEL | 0x40, 6, MSI_ADDRESS, 0x40);
    assertThat(exitAfter(() -> raise(6))).isEqualTo(KvmRun.EXIT_IO);
  }

  /** It is in service when its route goes to another processor: this end is told, no later one. */
  @Test
  void anInterruptUnderWayIsFollowedWhenItsRouteChanges() {
    code(0x2000, "e655" + HANDLER);
    route(5, MSI_ADDRESS, LEVEL | 0x40, 6, MSI_ADDRESS, 0x40);
    assertThat(exitAfter(() -> raise(5))).isEqualTo(KvmRun.EXIT_IO);
    route(5, MSI_ADDRESS | OF_APIC_1, LEVEL | 0x40, 6, MSI_ADDRESS, 0x40);
    assertThat(run()).isEqualTo(KvmRun.EXIT_IOAPIC_EOI);
    assertThat(run()).isEqualTo(KvmRun.EXIT_IO);
    assertThat(exitAfter(() -> raise(6))).isEqualTo(KvmRun.EXIT_IO);
    assertThat(run()).as("an edge of the same vector").isEqualTo(KvmRun.EXIT_IO);
  }

  /** LINT0 takes external interrupts after reset: user space's PIC may inject. */
  @Test
  void aUserSpacePicGetsItsWindow() {
    code(0x1000, "90 fa fb 90 90 e655");
    client.bytes(0x20 * 4, "00200000");
    client.bytes(0x2000, "e677");
    TestClient.setRunByte(vcpu, 0, 1);
    assertThat(run()).isEqualTo(KvmRun.EXIT_IRQ_WINDOW_OPEN);
    assertThat(rip()).as("behind the shadow of STI").isEqualTo(0x1004);
    assertThat(TestClient.runWord(vcpu, 12) & 0xff).as("ready").isEqualTo(1);
    TestClient.setRunByte(vcpu, 0, 0);
    client.put(0, 0x20);
    assertThat(vcpu.ioctl(client, Ioctls.INTERRUPT, TestClient.ARGUMENT)).isZero();
    assertThat(run()).isEqualTo(KvmRun.EXIT_IO);
    assertThat(TestClient.runWord(vcpu, 34) & 0xffff).isEqualTo(0x77);
  }

  @Test
  void aHaltedGuestOpensTheWindow() {
    TestClient.setRunByte(vcpu, 0, 1);
    code(0x1000, "fb f4");
    assertThat(run()).isEqualTo(KvmRun.EXIT_IRQ_WINDOW_OPEN);
    assertThat(rip()).isEqualTo(0x1002);
  }

  /** With LINT0 masked, its interrupt waits, and there is no window. */
  @Test
  void maskedLint0KeepsThePicOut() {
    code(0x1000, "66be5003e0fe 67 66c70600000100 fb 90 90 e655");
    client.put(0, 0x20);
    assertThat(vcpu.ioctl(client, Ioctls.INTERRUPT, TestClient.ARGUMENT)).isZero();
    TestClient.setRunByte(vcpu, 0, 1);
    assertThat(run()).isEqualTo(KvmRun.EXIT_IO);
    assertThat(TestClient.runWord(vcpu, 34) & 0xffff).isEqualTo(0x55);
    assertThat(TestClient.runWord(vcpu, 12) & 0xff).as("ready").isZero();
  }
}
