package dev.quire.kvm.arm64;

import dev.quire.emulator.device.MmioDevice;
import dev.quire.emulator.device.arm64.Gicv2;
import dev.quire.kernel.mm.Errno;

/** The in-kernel GICv2 (Linux v6.18 arch/arm64/kvm/vgic/vgic-mmio-v2.c). */
final class VgicV2 extends Vgic {
  static final int TYPE = 5;

  private static final int DISTRIBUTOR = 0;
  private static final int CPU_INTERFACE = 1;
  private static final int GROUP_CPU = 2;
  private static final long DISTRIBUTOR_BYTES = 0x1000;
  private static final long CPU_INTERFACE_BYTES = 0x2000;
  private static final long PAGE = 0x1000;

  /** As the GICv2 that a guest of Linux's vGIC sees: five bits. */
  private static final int PRIORITY_BITS = 5;

  private long distributorGpa = UNDEFINED;
  private long cpuInterfaceGpa = UNDEFINED;
  private Gicv2 gic;

  /** The vCPU whose registers user space reads or writes, or -1. */
  private int accessedByUser = -1;

  VgicV2(Arm64Vm vm) {
    super(vm);
  }

  @Override
  public String name() {
    return "kvm-arm-vgic-v2";
  }

  @Override
  void make() {
    gic =
        new Gicv2(
            vm().vcpuCount(),
            interrupts(),
            PRIORITY_BITS,
            () -> accessedByUser >= 0 ? accessedByUser : vm().runningIndex(),
            vm());
  }

  @Override
  boolean isPlaced() {
    return distributorGpa != UNDEFINED && cpuInterfaceGpa != UNDEFINED;
  }

  @Override
  void setLine(int vcpu, int intid, boolean level) {
    (isPrivate(intid) ? gic.privateInterrupt(vcpu, intid) : gic.shared(intid)).set(level);
  }

  @Override
  int attributeBytes(int group) {
    return group == GROUP_ADDRESS ? Long.BYTES : Integer.BYTES;
  }

  @Override
  long place(long type, long gpa) {
    boolean distributor = type == DISTRIBUTOR;
    if (!distributor && type != CPU_INTERFACE) {
      return -Errno.ENODEV;
    }
    if (placeOf(type) != UNDEFINED) {
      return -Errno.EEXIST;
    }
    long error = rangeError(gpa, distributor ? DISTRIBUTOR_BYTES : CPU_INTERFACE_BYTES, PAGE);
    if (error == 0 && distributor) {
      distributorGpa = gpa;
    } else if (error == 0) {
      cpuInterfaceGpa = gpa;
    }
    return error;
  }

  @Override
  long placeOf(long type) {
    return type == DISTRIBUTOR ? distributorGpa : cpuInterfaceGpa;
  }

  /** A register as vCPU {@code attribute[39:32]} sees it. */
  @Override
  long access(int group, long attribute, boolean write, byte[] value) {
    int vcpu = (int) (attribute >>> 32) & 0xff;
    if (vcpu >= vm().vcpuCount()) {
      return -Errno.EINVAL;
    }
    MmioDevice device = group == GROUP_CPU ? gic.cpuInterface() : gic.distributor();
    accessedByUser = vcpu;
    try {
      return accessWord(device, attribute & 0xffff_ffffL, write, value);
    } finally {
      accessedByUser = -1;
    }
  }

  @Override
  boolean knows(int group, long attribute) {
    long offset = attribute & 0xffff_ffffL;
    return switch (group) {
      case GROUP_ADDRESS -> attribute == DISTRIBUTOR || attribute == CPU_INTERFACE;
      case GROUP_DISTRIBUTOR -> offset < DISTRIBUTOR_BYTES && (offset & 3) == 0;
      case GROUP_CPU -> offset < CPU_INTERFACE_BYTES && (offset & 3) == 0;
      default -> false;
    };
  }

  @Override
  MmioDevice deviceAt(long address, int bytes) {
    if (isInside(address, bytes, distributorGpa, DISTRIBUTOR_BYTES)) {
      return gic.distributor();
    }
    return isInside(address, bytes, cpuInterfaceGpa, CPU_INTERFACE_BYTES)
        ? gic.cpuInterface()
        : null;
  }

  @Override
  long offsetOf(long address) {
    return isInside(address, 1, distributorGpa, DISTRIBUTOR_BYTES)
        ? address - distributorGpa
        : address - cpuInterfaceGpa;
  }
}
