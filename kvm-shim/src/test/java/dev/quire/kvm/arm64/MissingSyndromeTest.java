package dev.quire.kvm.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.TestClient;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.fd.Descriptor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Accesses to what no slot holds by instructions that leave hardware no valid syndrome; by hand
 * from Linux v6.18 arch/arm64/kvm/mmio.c, mmu.c, inject_fault.c and guest.c.
 */
class MissingSyndromeTest {
  private static final int PSCI_0_2 = 1 << 2;
  private static final int NOP = 0xd503201f;
  private static final int LDP_X2_X3_X0 = 0xa9400c02;
  private static final int STP_X2_X3_X0 = 0xa9000c02;
  private static final long CODE = ArmClient.RAM_GPA + 0x1000;
  private static final long DEVICE = 0x0900_0000L;
  private static final long ENOSYS = -Errno.ENOSYS;
  private static final long VBAR = ArmClient.system(3, 0, 12, 0, 0);
  private static final long ESR = ArmClient.system(3, 0, 5, 2, 0);
  private static final long FAR = ArmClient.system(3, 0, 6, 0, 0);
  private static final long ELR = 0x6030_0000_0010_0046L;
  private static final int READ_ONLY = 1 << 1;
  private static final int CPACR_FP = 3 << 20;

  private final ArmClient client = new ArmClient();
  private Descriptor vcpu;

  @AfterEach
  void close() {
    client.close();
  }

  private Descriptor started(int... code) {
    Descriptor vcpu = client.vcpu(0, PSCI_0_2);
    client.code(CODE, code);
    client.setReg(vcpu, ArmClient.PC, CODE);
    client.setReg(vcpu, ArmClient.x(0), DEVICE + 0x10);
    client.setReg(vcpu, ArmClient.x(1), 8);
    client.setReg(vcpu, ArmClient.system(3, 0, 1, 0, 2), CPACR_FP);
    return vcpu;
  }

  private long enable(int flags) {
    client.put(0, Capabilities.ARM_NISV_TO_USER, flags);
    return client.vm.ioctl(client, Ioctls.ENABLE_CAP, ArmClient.ARGUMENT);
  }

  private long inject(int... bytes) {
    byte[] events = new byte[64];
    for (int i = 0; i < bytes.length; i++) {
      events[i] = (byte) bytes[i];
    }
    client.write(ArmClient.ARGUMENT, events, 0, 64);
    return vcpu.ioctl(client, Ioctls.SET_VCPU_EVENTS, ArmClient.ARGUMENT);
  }

  @Test
  void withoutTheCapabilityTheRunFails() {
    vcpu = started(LDP_X2_X3_X0);
    assertThat(client.run(vcpu)).isEqualTo(ENOSYS);
    assertThat(client.getReg(vcpu, ArmClient.PC)).isEqualTo(CODE);
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_UNKNOWN);
  }

  @Test
  void theCapabilityIsTheVms() {
    assertThat(client.vm.ioctl(client, Ioctls.CHECK_EXTENSION, Capabilities.ARM_NISV_TO_USER))
        .isEqualTo(1);
    assertThat(client.vm.ioctl(client, Ioctls.CHECK_EXTENSION, Capabilities.ARM_INJECT_EXT_DABT))
        .isEqualTo(1);
    assertThat(enable(1)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(0)).isZero();
    client.put(0, Capabilities.ARM_MTE, 0);
    assertThat(client.vm.ioctl(client, Ioctls.ENABLE_CAP, ArmClient.ARGUMENT))
        .isEqualTo(-Errno.EINVAL);
  }

  /** Status 4 to 7 is a translation fault; 0x40 is WnR. */
  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "ldp x2 x3 [x0], 0xa9400c02, 0",
    "stp x2 x3 [x0], 0xa9000c02, 0x40",
    "ldr x2 [x0] #8, 0xf8408402, 0",
    "str w2 [x0 #8]!, 0xb8008c02, 0x40",
    "ldr q2 [x0], 0x3dc00002, 0",
    "str d2 [x0], 0xfd000002, 0x40",
    "ld1 {v2.16b} [x0], 0x4c407002, 0",
    "ldxr x2 [x0], 0xc85f7c02, 0",
    "ldadd x1 x2 [x0], 0xf8210002, 0",
    "cas x1 x2 [x0], 0xc8a17c02, 0",
    "dc zva x0, 0xd50b7420, 0x40",
  })
  void withItUserSpaceIsAsked(String name, String word, String iss) {
    vcpu = started(Integer.parseUnsignedInt(word.substring(2), 16), NOP);
    assertThat(enable(0)).isZero();
    for (int run = 0; run < 2; run++) {
      assertThat(client.run(vcpu)).isZero();
      assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_ARM_NISV);
      long status = ArmClient.runWord64(vcpu, 32);
      assertThat(status & ~3).isEqualTo(4 | Long.decode(iss));
      boolean preIndexed = name.endsWith("!");
      assertThat(ArmClient.runWord64(vcpu, 40)).isEqualTo(DEVICE + (preIndexed ? 0x18 : 0x10));
      assertThat(client.getReg(vcpu, ArmClient.PC)).isEqualTo(CODE);
      assertThat(client.getReg(vcpu, ArmClient.x(0))).isEqualTo(DEVICE + 0x10);
    }
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "ldr x2 [x0], 0xf9400002, 8",
    "ldrsb w2 [x0], 0x39c00002, 1",
    "str wzr [x0], 0xb900001f, 4",
    "ldur x2 [x0 #8], 0xf8408002, 8",
    "ldr w2 [x0 x1], 0xb8616802, 4",
    "ldtr w2 [x0], 0xb8400802, 4",
    "ldar x2 [x0], 0xc8dffc02, 8",
    "stlrb w2 [x0], 0x089ffc02, 1",
  })
  void accessesOfOneRegisterAreDevices(String name, String word, int bytes) {
    vcpu = started(Integer.parseUnsignedInt(word.substring(2), 16), NOP);
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(ArmClient.runWord(vcpu, 48)).isEqualTo(bytes);
  }

  @Test
  void theClientPerformsTheAccessAndStepsOver() {
    vcpu = started(LDP_X2_X3_X0, 0xf9000002);
    assertThat(enable(0)).isZero();
    assertThat(client.run(vcpu)).isZero();
    client.setReg(vcpu, ArmClient.x(2), 0x77);
    client.setReg(vcpu, ArmClient.PC, CODE + 4);
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(ArmClient.runWord64(vcpu, 40)).isEqualTo(0x77);
  }

  /** kvm_handle_guest_abort steps over it. */
  @Test
  void cacheMaintenanceOfADeviceIsNothing() {
    vcpu = started(0xd50b7e20, 0xf9000000); // dc civac, x0; str x0, [x0]
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(client.getReg(vcpu, ArmClient.PC)).isEqualTo(CODE + 4);
  }

  /** A permission fault is one of level 3: 0x0f. */
  @Test
  void storesToAReadOnlySlot() {
    vcpu = started(LDP_X2_X3_X0, STP_X2_X3_X0, 0xf8210002);
    client.put(0, 1, READ_ONLY).put64(DEVICE, 4096, TestClient.HVA);
    ArmClient.require(client.vm.ioctl(client, Ioctls.SET_USER_MEMORY_REGION, ArmClient.ARGUMENT));
    assertThat(enable(0)).isZero();
    assertThat(client.run(vcpu)).isZero();
    assertThat(client.getReg(vcpu, ArmClient.PC)).as("it can be read").isEqualTo(CODE + 4);
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_ARM_NISV);
    assertThat(ArmClient.runWord64(vcpu, 32)).isEqualTo(0x4f);
    assertThat(ArmClient.runWord64(vcpu, 40)).isEqualTo(DEVICE + 0x10);
    client.setReg(vcpu, ArmClient.PC, CODE + 8);
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.runWord64(vcpu, 32)).as("an atomic that can read").isEqualTo(0x4f);
  }

  @Test
  void theClientInjectsAnExternalAbort() {
    vcpu = started(NOP, 0xf9400002);
    client.setReg(vcpu, VBAR, CODE + 0x800);
    client.code(CODE + 0x800 + 0x200, 0xf9000002); // str x2, [x0]
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(inject(0, 0, 0, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(inject(1)).as("no SError here").isEqualTo(-Errno.EINVAL);
    assertThat(client.getReg(vcpu, ArmClient.PC)).isEqualTo(CODE + 4);
    assertThat(inject(0, 0, 1)).isZero();
    assertThat(client.getReg(vcpu, ArmClient.PC)).isEqualTo(CODE + 0x800 + 0x200);
    assertThat(client.getReg(vcpu, ESR)).as("EC 0x25, IL, DFSC 0x10").isEqualTo(0x9600_0010L);
    assertThat(client.getReg(vcpu, FAR)).isEqualTo(DEVICE + 0x10);
    assertThat(client.getReg(vcpu, ELR)).isEqualTo(CODE + 4);
    client.setReg(vcpu, ArmClient.x(2), 0x99);
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.runWord(vcpu, 52) & 0xff).as("the handler's store").isEqualTo(1);
    assertThat(ArmClient.runWord64(vcpu, 40)).isEqualTo(0x99);
    assertThat(inject(0, 0, 1)).isZero();
    assertThat(client.getReg(vcpu, ELR)).isEqualTo(CODE + 0x800 + 0x200);
  }
}
