package dev.quire.kvm.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.vm.RunCall;
import dev.quire.kvm.vm.VcpuFile;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Calls of an arm64 client; expectations by hand from Linux v6.18 arch/arm64/kvm. */
class ArmClientTest {
  private static final int PSCI_0_2 = 1 << 2;
  private static final int POWER_OFF = 1;
  private static final int PAUTH = 3 << 5;
  private static final int WFI = 0xd503207f;
  private static final int HVC = 0xd4000002;
  private static final int LOOP = 0x14000000;
  private static final long CODE = ArmClient.RAM_GPA + 0x1000;
  private static final long DEVICE = 0x0900_0000L;
  private static final int MMIO_DATA = 40;
  private static final long MIDR = ArmClient.system(3, 0, 0, 0, 0);
  private static final long MPIDR = ArmClient.system(3, 0, 0, 0, 5);
  private static final long ISAR0 = ArmClient.system(3, 0, 0, 6, 0);
  private static final long ISAR1 = ArmClient.system(3, 0, 0, 6, 1);
  private static final long TIMER_CTL = ArmClient.system(3, 3, 14, 3, 1);
  private static final long TIMER_CVAL = ArmClient.system(3, 3, 14, 0, 2);
  private static final long TIMER_CNT = ArmClient.system(3, 3, 14, 3, 2);

  private final ArmClient client = new ArmClient();

  @AfterEach
  void close() {
    client.close();
  }

  private Descriptor started(int... code) {
    Descriptor vcpu = client.vcpu(0, PSCI_0_2);
    client.code(CODE, code);
    assertThat(client.setReg(vcpu, ArmClient.PC, CODE)).isZero();
    return vcpu;
  }

  @Test
  void aVcpuIsNothingBeforeItIsInitialized() {
    assertThat(client.vm.ioctl(client, Ioctls.ARM_PREFERRED_TARGET, ArmClient.ARGUMENT)).isZero();
    assertThat(client.word(0)).as("KVM_ARM_TARGET_GENERIC_V8").isEqualTo(5);
    Descriptor vcpu = client.createVcpu(0);
    assertThat(client.setReg(vcpu, ArmClient.PC, CODE)).isEqualTo(ArmClient.ENOEXEC);
    assertThat(client.run(vcpu)).isEqualTo(ArmClient.ENOEXEC);
    client.put(0, 5, 1 << 20);
    assertThat(vcpu.ioctl(client, Ioctls.ARM_VCPU_INIT, ArmClient.ARGUMENT))
        .isEqualTo(-Errno.ENOENT);
    client.put(0, 5, 1 << 4);
    assertThat(vcpu.ioctl(client, Ioctls.ARM_VCPU_INIT, ArmClient.ARGUMENT))
        .as("no SVE here")
        .isEqualTo(-Errno.EINVAL);
    client.put(0, 4, 0);
    assertThat(vcpu.ioctl(client, Ioctls.ARM_VCPU_INIT, ArmClient.ARGUMENT))
        .isEqualTo(-Errno.EINVAL);
    client.put(0, 5, PSCI_0_2);
    assertThat(vcpu.ioctl(client, Ioctls.ARM_VCPU_INIT, ArmClient.ARGUMENT)).isZero();
    client.put(0, 5, 0);
    assertThat(vcpu.ioctl(client, Ioctls.ARM_VCPU_INIT, ArmClient.ARGUMENT))
        .as("other features than before")
        .isEqualTo(-Errno.EINVAL);
    assertThat(client.getReg(vcpu, ArmClient.PSTATE)).isEqualTo(0x3c5);
  }

  @Test
  void deviceAccessesAreExits() {
    // str w1, [x0]; ldrh w2, [x0, #8]; hvc #0
    Descriptor vcpu = started(0xb9000001, 0x79401002, HVC);
    client.setReg(vcpu, ArmClient.x(0), DEVICE);
    client.setReg(vcpu, ArmClient.x(1), 0x1122_3344_5566_7788L);
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(ArmClient.runWord64(vcpu, 32)).isEqualTo(DEVICE);
    assertThat(ArmClient.runWord(vcpu, MMIO_DATA)).isEqualTo(0x5566_7788);
    assertThat(ArmClient.runWord(vcpu, 48)).as("length").isEqualTo(4);
    assertThat(ArmClient.runWord(vcpu, 52) & 0xff).as("is_write").isEqualTo(1);
    assertThat(client.getReg(vcpu, ArmClient.PC)).as("until the next run").isEqualTo(CODE);
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.runWord64(vcpu, 32)).isEqualTo(DEVICE + 8);
    assertThat(ArmClient.runWord(vcpu, 48)).isEqualTo(2);
    assertThat(ArmClient.runWord(vcpu, 52) & 0xff).isZero();
    ArmClient.setRunWord64(vcpu, MMIO_DATA, 0xffff_ffff_ffff_beefL);
    ArmClient.setRunByte(vcpu, 1, 1);
    assertThat(client.run(vcpu)).as("immediate_exit").isEqualTo(ArmClient.EINTR);
    assertThat(client.getReg(vcpu, ArmClient.x(2))).isEqualTo(0xbeef);
    assertThat(client.getReg(vcpu, ArmClient.PC)).isEqualTo(CODE + 8);
  }

  /** The names and their places are those of arch/arm64/kvm/guest.c. */
  @Test
  void statisticsCountExitsByKind() {
    // str w1, [x0]; ldrh w2, [x0, #8]; mov w0, #0; hvc #0
    Descriptor vcpu = started(0xb9000001, 0x79401002, 0x52800000, HVC, LOOP);
    client.setReg(vcpu, ArmClient.x(0), DEVICE);
    assertThat(client.run(vcpu)).isZero();
    assertThat(client.run(vcpu)).isZero();
    RunCall loop = ((VcpuFile) vcpu).begin(client, Ioctls.RUN, 0);
    assertThat(loop.step(100)).isEqualTo(RunCall.MORE);
    loop.signal();
    assertThat(loop.step(100)).isEqualTo(RunCall.DONE);
    byte[] file = new byte[8192];
    long bytes = client.file(vcpu.ioctl(client, Ioctls.GET_STATS_FD, 0)).read(0, file);
    assertThat(LittleEndian.getInt(file, 8)).as("statistics").isEqualTo(18);
    int first = (int) bytes - 7 * Long.BYTES;
    String[] names = {"hvc", "wfe", "wfi", "mmio_exit_user", "mmio_exit_kernel", "signal", "exits"};
    long[] expected = {1, 0, 0, 2, 0, 1, 5}; // the fetch and two devices are faults
    for (int i = 0; i < names.length; i++) {
      String name = new String(file, 72 + 64 * (11 + i) + 16, 48, StandardCharsets.US_ASCII);
      assertThat(name).startsWith(names[i]);
      assertThat(LittleEndian.getLong(file, first + 8 * i)).as(name).isEqualTo(expected[i]);
    }
  }

  @Test
  void psciEndsTheSystem() {
    Descriptor vcpu = started(HVC, LOOP);
    Descriptor other = client.vcpu(1, PSCI_0_2 | POWER_OFF);
    client.setReg(vcpu, ArmClient.x(0), 0x8400_0008L);
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_SYSTEM_EVENT);
    assertThat(ArmClient.runWord(vcpu, 32)).as("KVM_SYSTEM_EVENT_SHUTDOWN").isEqualTo(1);
    assertThat(ArmClient.runWord(vcpu, 36)).as("ndata").isEqualTo(1);
    for (Descriptor each : new Descriptor[] {vcpu, other}) {
      assertThat(each.ioctl(client, Ioctls.GET_MP_STATE, ArmClient.ARGUMENT)).isZero();
      assertThat(client.word(0)).as("KVM_MP_STATE_STOPPED").isEqualTo(5);
    }
  }

  @Test
  void psciSwitchesVcpusOn() {
    // hvc #0; wfi; and for the second: str x0, [x1]
    Descriptor vcpu = started(HVC, WFI);
    Descriptor other = client.vcpu(1, PSCI_0_2 | POWER_OFF);
    client.code(CODE + 0x100, 0xf9000020);
    VcpuFile second = (VcpuFile) other;
    RunCall waits = second.begin(client, Ioctls.RUN, 0);
    assertThat(waits.step(100)).isEqualTo(RunCall.WAITING);
    client.setReg(vcpu, ArmClient.x(0), 0xc400_0003L);
    client.setReg(vcpu, ArmClient.x(1), 1);
    client.setReg(vcpu, ArmClient.x(2), CODE + 0x100);
    client.setReg(vcpu, ArmClient.x(3), 0x77);
    RunCall first = ((VcpuFile) vcpu).begin(client, Ioctls.RUN, 0);
    assertThat(first.step(100)).isEqualTo(RunCall.WAITING);
    assertThat(waits.step(100)).isEqualTo(RunCall.DONE);
    assertThat(waits.result()).isZero();
    assertThat(ArmClient.exitReason(other)).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(ArmClient.runWord64(other, MMIO_DATA)).isEqualTo(0x77);
    first.signal();
    assertThat(first.step(100)).isEqualTo(RunCall.DONE);
    assertThat(first.result()).isEqualTo(ArmClient.EINTR);
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_INTR);
    assertThat(client.getReg(vcpu, ArmClient.x(0))).as("PSCI_SUCCESS").isZero();
    assertThat(client.getReg(vcpu, ArmClient.PC)).isEqualTo(CODE + 8);
  }

  @Test
  void everyListedRegisterIsThere() {
    Descriptor vcpu = client.vcpu(0, PSCI_0_2);
    client.put(0);
    assertThat(vcpu.ioctl(client, Ioctls.GET_REG_LIST, ArmClient.ARGUMENT)).isEqualTo(-Errno.E2BIG);
    int count = (int) client.word64(0);
    client.put(0).put64(count);
    assertThat(vcpu.ioctl(client, Ioctls.GET_REG_LIST, ArmClient.ARGUMENT)).isZero();
    Set<Long> ids = new HashSet<>();
    for (int i = 0; i < count; i++) {
      ids.add(client.word64(8 + 8 * i));
    }
    assertThat(ids).hasSize(count);
    assertThat(ids)
        .contains(ArmClient.PC, ArmClient.x(30), MIDR, MPIDR, ISAR0, TIMER_CNT)
        .contains(0x6040_0000_0010_0054L, 0x6020_0000_0010_00d4L, 0x6030_0000_0014_0000L);
    for (long id : ids) {
      client.getReg(vcpu, id);
    }
    for (long id : new long[] {0x6030_0000_0010_0001L, 0x6020_0000_0010_0000L}) {
      client.put(0).put64(id, ArmClient.SECOND);
      assertThat(vcpu.ioctl(client, Ioctls.GET_ONE_REG, ArmClient.ARGUMENT))
          .isEqualTo(-Errno.EINVAL);
    }
    client.put(0).put64(ArmClient.system(3, 7, 15, 15, 7), ArmClient.SECOND);
    assertThat(vcpu.ioctl(client, Ioctls.GET_ONE_REG, ArmClient.ARGUMENT)).isEqualTo(-Errno.ENOENT);
  }

  @Test
  void registersKeepWhatIsWritten() {
    Descriptor vcpu = client.vcpu(0, PSCI_0_2 | PAUTH);
    int number = 1;
    for (long id :
        new long[] {
          ArmClient.x(0),
          ArmClient.x(30),
          0x6030_0000_0010_003eL, // SP_EL0
          0x6030_0000_0010_0044L, // SP_EL1
          0x6030_0000_0010_0046L, // ELR_EL1
          0x6030_0000_0010_004aL, // SPSR_ABT
          ArmClient.system(3, 0, 2, 0, 0), // TTBR0_EL1
          ArmClient.system(3, 0, 12, 0, 0), // VBAR_EL1, 2 KiB aligned
          ArmClient.system(3, 0, 10, 3, 0), // AMAIR_EL1
          ArmClient.system(3, 0, 2, 1, 2), // APIBKeyLo_EL1
          ArmClient.system(2, 0, 0, 2, 2), // MDSCR_EL1
          TIMER_CVAL
        }) {
      long value = 0x1000L * number++;
      assertThat(client.setReg(vcpu, id, value)).isZero();
      assertThat(client.getReg(vcpu, id)).as(Long.toHexString(id)).isEqualTo(value);
    }
    assertThat(client.setReg(vcpu, ArmClient.PSTATE, 0x3c4)).as("EL1t").isZero();
    assertThat(client.getReg(vcpu, 0x6030_0000_0010_003eL)).as("SP_EL0").isEqualTo(0x3000);
    assertThat(client.getReg(vcpu, 0x6030_0000_0010_0044L)).as("SP_EL1").isEqualTo(0x4000);
    assertThat(client.setReg(vcpu, ArmClient.PSTATE, 0x3c9)).as("EL2").isEqualTo(-Errno.EINVAL);
    assertThat(client.setReg(vcpu, ArmClient.PSTATE, 0x10)).as("AArch32").isEqualTo(-Errno.EINVAL);
  }

  @Test
  void theGuestSeesWhatTheClientSaysItIs() {
    // mrs x0, midr_el1; mrs x1, mpidr_el1; mrs x2, id_aa64isar0_el1; mrs x3, id_aa64isar1_el1;
    // mrs x4, ctr_el0; str x0, [x5]
    Descriptor vcpu =
        started(0xd5380000, 0xd53800a1, 0xd5380602, 0xd5380623, 0xd53b0024, 0xf90000a0);
    long isar0 = client.getReg(vcpu, ISAR0);
    assertThat(isar0 >>> 20 & 15).as("LSE").isEqualTo(2);
    assertThat(client.setReg(vcpu, ISAR0, isar0 & ~(15L << 20))).isZero();
    assertThat(client.setReg(vcpu, ISAR0, isar0 | 15L << 60)).isEqualTo(-Errno.EINVAL);
    assertThat(client.setReg(vcpu, MPIDR, 0x8000_0102L)).isZero();
    client.setReg(vcpu, ArmClient.x(5), DEVICE);
    assertThat(client.run(vcpu)).isZero();
    assertThat(client.getReg(vcpu, ArmClient.x(0))).isEqualTo(client.getReg(vcpu, MIDR));
    assertThat(client.getReg(vcpu, ArmClient.x(1))).isEqualTo(0x8000_0102L);
    assertThat(client.getReg(vcpu, ArmClient.x(2))).isEqualTo(isar0 & ~(15L << 20));
    assertThat(client.getReg(vcpu, ArmClient.x(3))).isEqualTo(client.getReg(vcpu, ISAR1));
    assertThat(client.getReg(vcpu, ISAR1) & 0xff0).as("no pointer authentication").isZero();
    assertThat(client.getReg(vcpu, ArmClient.x(4)))
        .isEqualTo(client.getReg(vcpu, ArmClient.system(3, 3, 0, 0, 1)));
    assertThat(client.setReg(vcpu, ISAR0, 0)).as("it has run").isEqualTo(-Errno.EBUSY);
  }

  @Test
  void theVirtualTimerWakesTheGuestThroughTheVgic() {
    Descriptor vcpu = client.vcpu(0, PSCI_0_2);
    assertThat(client.vm.ioctl(client, Ioctls.CREATE_IRQCHIP, 0)).isZero();
    assertThat(client.vm.ioctl(client, Ioctls.CREATE_IRQCHIP, 0)).isEqualTo(-Errno.EEXIST);
    assertThat(client.run(vcpu)).as("nobody said where it is").isEqualTo(-Errno.ENXIO);
    place(0, 0x0800_0000L);
    place(1, 0x0801_0000L);
    // GICD_CTLR = 1; GICD_ISENABLER0 = 1 << 27; GICC_PMR = 0xf0; GICC_CTLR = 1
    // x0 = distributor, x1 = CPU interface, w2 = 1, w3 = 1 << 27, w4 = 0xf0
    client.code(
        CODE,
        0xb9000002, // str w2, [x0]
        0xb9010003, // str w3, [x0, #0x100]
        0xb9000424 | 0, // str w4, [x1, #4]
        0xb9000022, // str w2, [x1]
        0xd51be342, // msr cntv_cval_el0, x2
        0xd51be322, // msr cntv_ctl_el0, x2
        WFI,
        0xb9400c25, // ldr w5, [x1, #12]: GICC_IAR
        0xf90000c5); // str x5, [x6]
    client.setReg(vcpu, ArmClient.PC, CODE);
    client.setReg(vcpu, ArmClient.x(0), 0x0800_0000L);
    client.setReg(vcpu, ArmClient.x(1), 0x0801_0000L);
    client.setReg(vcpu, ArmClient.x(2), 1);
    client.setReg(vcpu, ArmClient.x(3), 1 << 27);
    client.setReg(vcpu, ArmClient.x(4), 0xf0);
    client.setReg(vcpu, ArmClient.x(6), DEVICE);
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_MMIO);
    assertThat(ArmClient.runWord64(vcpu, MMIO_DATA)).as("the virtual timer's PPI").isEqualTo(27);
  }

  private void place(int type, long gpa) {
    client.put(0).put64(type, gpa);
    assertThat(client.vm.ioctl(client, Ioctls.ARM_SET_DEVICE_ADDR, ArmClient.ARGUMENT)).isZero();
    client.put(0).put64(type, gpa);
    assertThat(client.vm.ioctl(client, Ioctls.ARM_SET_DEVICE_ADDR, ArmClient.ARGUMENT))
        .isEqualTo(-Errno.EEXIST);
  }

  @Test
  void timeSkipsToTheTimerOfAnIdleGuest() {
    Descriptor vcpu = started(WFI, LOOP);
    client.setReg(vcpu, TIMER_CNT, 1000);
    client.setReg(vcpu, TIMER_CVAL, 1_000_000);
    client.setReg(vcpu, TIMER_CTL, 1);
    assertThat(client.run(vcpu)).as("user space has the controller").isEqualTo(ArmClient.EINTR);
    assertThat(ArmClient.runWord64(vcpu, 304)).as("KVM_ARM_DEV_EL1_VTIMER").isEqualTo(1);
    assertThat(client.getReg(vcpu, TIMER_CNT)).isBetween(1_000_000L, 1_000_010L);
    assertThat(client.getReg(vcpu, TIMER_CTL)).as("ISTATUS").isEqualTo(5);
  }

  @Test
  void debuggingOfTheClient() {
    // nop; brk #3; nop
    Descriptor vcpu = started(0xd503201f, 0xd4200060, 0xd503201f);
    client.put(0, 3 | 1 << 16);
    assertThat(vcpu.ioctl(client, Ioctls.ARM64_SET_GUEST_DEBUG, ArmClient.ARGUMENT)).isZero();
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.exitReason(vcpu)).isEqualTo(KvmRun.EXIT_DEBUG);
    assertThat(ArmClient.runWord(vcpu, 32) >>> 26).as("software step").isEqualTo(0x32);
    assertThat(client.getReg(vcpu, ArmClient.PC)).isEqualTo(CODE + 4);
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.runWord(vcpu, 32)).as("BRK #3").isEqualTo(0xf200_0003);
    assertThat(client.getReg(vcpu, ArmClient.PC)).isEqualTo(CODE + 4);
    client.put(0, 1 << 17 | 1);
    assertThat(vcpu.ioctl(client, Ioctls.ARM64_SET_GUEST_DEBUG, ArmClient.ARGUMENT))
        .as("no hardware breakpoints here")
        .isEqualTo(-Errno.EINVAL);
  }

  @Test
  void vgicAttributes() {
    client.vcpu(0, PSCI_0_2);
    client.put(0, 5, 0, 0);
    assertThat(client.vm.ioctl(client, Ioctls.CREATE_DEVICE, ArmClient.ARGUMENT)).isZero();
    Descriptor vgic = client.file(client.word(4));
    assertThat(attribute(vgic, Ioctls.HAS_DEVICE_ATTR, 0, 2)).isEqualTo(-Errno.ENXIO);
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 3, 0, 100)).isEqualTo(-Errno.EINVAL);
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 3, 0, 96)).isZero();
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 3, 0, 96)).isEqualTo(-Errno.EBUSY);
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 0, 0, 0x0800_0800)).isEqualTo(-Errno.EINVAL);
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 0, 0, 0x0800_0000)).isZero();
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 4, 0)).isZero();
    assertThat(attribute(vgic, Ioctls.GET_DEVICE_ATTR, 1, 4)).isZero();
    assertThat(client.word((int) (ArmClient.SECOND - ArmClient.ARGUMENT)) & 31)
        .as("GICD_TYPER.ITLinesNumber of 96")
        .isEqualTo(2);
    assertThat(client.vm.ioctl(client, Ioctls.CREATE_VCPU, 1)).isEqualTo(-Errno.EBUSY);
    client.put(0, 7, 0, 0);
    assertThat(client.vm.ioctl(client, Ioctls.CREATE_DEVICE, ArmClient.ARGUMENT))
        .as("one interrupt controller a VM")
        .isEqualTo(-Errno.EEXIST);
    client.put(0, 8, 0, 0);
    assertThat(client.vm.ioctl(client, Ioctls.CREATE_DEVICE, ArmClient.ARGUMENT))
        .as("no ITS")
        .isEqualTo(-Errno.ENODEV);
  }

  @Test
  void aVgicV3IsReachedBySystemRegisters() {
    Descriptor vcpu = client.vcpu(0, PSCI_0_2);
    Descriptor other = client.vcpu(1, PSCI_0_2);
    client.put(0, 7, 0, 0);
    assertThat(client.vm.ioctl(client, Ioctls.CREATE_DEVICE, ArmClient.ARGUMENT)).isZero();
    Descriptor vgic = client.file(client.word(4));
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 0, 2, 0x0800_1000)).isEqualTo(-Errno.EINVAL);
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 0, 2, 0x0800_0000)).isZero();
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 0, 3, 0x080a_0000)).isZero();
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 4, 0)).isZero();
    // The distributor on, SPI 40 enabled (word 1, bit 8), priority 0xa0, routed to the second vCPU.
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 1, 0, 2)).isZero();
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 1, 0x104, 1 << 8)).isZero();
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 1, 0x428, 0xa0)).isZero();
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 1, 0x6000 + 8 * 40, 1)).isZero();
    assertThat(attribute(vgic, Ioctls.SET_DEVICE_ATTR, 5, 1L << 32 | 0x1_0100, 1))
        .as("SGI 0")
        .isZero();
    // msr icc_pmr_el1, x4; msr icc_igrpen1_el1, x2; wfi; mrs x5, icc_iar1_el1;
    // msr icc_eoir1_el1, x5; str x5, [x6]
    int[] code = {0xd5184604, 0xd518cce2, WFI, 0xd538cc05, 0xd518cc25, 0xf90000c5};
    client.code(CODE, code);
    client.code(CODE + 0x40, 0xd5380402, 0xf90000c2); // mrs x2, id_aa64pfr0_el1; str x2, [x6]
    for (Descriptor each : new Descriptor[] {vcpu, other}) {
      client.setReg(each, ArmClient.PC, CODE);
      client.setReg(each, ArmClient.x(2), 1);
      client.setReg(each, ArmClient.x(4), 0xf0);
      client.setReg(each, ArmClient.x(6), DEVICE);
    }
    RunCall waits = ((VcpuFile) other).begin(client, Ioctls.RUN, 0);
    assertThat(waits.step(1000)).isEqualTo(RunCall.WAITING);
    client.put(0, 1 << 24 | 40, 1);
    assertThat(client.vm.ioctl(client, Ioctls.IRQ_LINE, ArmClient.ARGUMENT)).isZero();
    assertThat(waits.step(1000)).isEqualTo(RunCall.DONE);
    assertThat(ArmClient.runWord64(other, MMIO_DATA)).isEqualTo(40);
    client.setReg(vcpu, ArmClient.PC, CODE + 0x40);
    assertThat(client.run(vcpu)).isZero();
    assertThat(ArmClient.runWord64(vcpu, MMIO_DATA) >>> 24 & 15).as("PFR0.GIC").isEqualTo(1);
    // msr icc_sgi1r_el1, x7 (to affinity 1, SGI 0); str x7, [x6]
    client.code(CODE + 0x80, 0xd518cba7, 0xf90000c7);
    finishStore(vcpu);
    client.setReg(vcpu, ArmClient.PC, CODE + 0x80);
    client.setReg(vcpu, ArmClient.x(7), 1 << 1);
    assertThat(client.run(vcpu)).isZero();
    finishStore(other);
    client.setReg(other, ArmClient.PC, CODE + 8);
    client.put(0, 1 << 24 | 40, 0);
    assertThat(client.vm.ioctl(client, Ioctls.IRQ_LINE, ArmClient.ARGUMENT)).isZero();
    assertThat(client.run(other)).isZero();
    assertThat(ArmClient.runWord64(other, MMIO_DATA)).as("SGI 0").isZero();
  }

  /** Has the store of the last exit be over, and nothing else happen. */
  private void finishStore(Descriptor vcpu) {
    ArmClient.setRunByte(vcpu, 1, 1);
    assertThat(client.run(vcpu)).isEqualTo(ArmClient.EINTR);
    ArmClient.setRunByte(vcpu, 1, 0);
  }

  private long attribute(Descriptor device, int request, int group, long number, long... value) {
    client.put(0, 0, group).put64(number, ArmClient.SECOND);
    byte[] bytes = new byte[8];
    for (int i = 0; i < 8 && value.length > 0; i++) {
      bytes[i] = (byte) (value[0] >>> 8 * i);
    }
    client.write(ArmClient.SECOND, bytes, 0, 8);
    return device.ioctl(client, request, ArmClient.ARGUMENT);
  }
}
