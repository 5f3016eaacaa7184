package dev.quire.kvm.arm64;

import dev.quire.emulator.device.MmioDevice;
import dev.quire.emulator.device.arm64.Gicv3;
import dev.quire.emulator.device.arm64.Gicv3CpuRegisters;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.LittleEndian;

/**
 * The in-kernel GICv3 without an ITS: its redistributors lie in one region, one behind the other
 * (Linux v6.18 arch/arm64/kvm/vgic/vgic-mmio-v3.c, vgic-kvm-device.c).
 */
final class VgicV3 extends Vgic {
  static final int TYPE = 7;

  private static final int DISTRIBUTOR = 2;
  private static final int REDISTRIBUTORS = 3;
  private static final int REDISTRIBUTOR_REGION = 5;
  private static final int GROUP_REDISTRIBUTOR = 5;
  private static final int GROUP_CPU_REGISTERS = 6;
  private static final int GROUP_LEVELS = 7;
  private static final long FRAME = 0x1_0000;
  private static final long REGION_BASE = 0x000f_ffff_ffff_0000L;
  private static final int REGION_COUNT_SHIFT = 52;
  private static final long REGION_FLAGS_AND_INDEX = 0xffff;
  private static final int LEVELS_INTID = 0x3ff;

  private long distributorGpa = UNDEFINED;
  private long redistributorsGpa = UNDEFINED;

  /** How many redistributors the region has room for; 0 for as many as there are vCPUs. */
  private long regionCount;

  private Gicv3 gic;

  VgicV3(Arm64Vm vm) {
    super(vm);
  }

  @Override
  public String name() {
    return "kvm-arm-vgic-v3";
  }

  @Override
  void make() {
    gic = new Gicv3(vm().vcpuCount(), interrupts(), vm()::mpidrOf, vm());
  }

  /** A vCPU's CPU interface; null before there is one. */
  Gicv3CpuRegisters cpuRegisters(int vcpu) {
    return gic == null ? null : gic.cpuRegisters(vcpu);
  }

  @Override
  boolean isPlaced() {
    boolean room = regionCount == 0 || regionCount >= vm().vcpuCount();
    return distributorGpa != UNDEFINED && redistributorsGpa != UNDEFINED && room;
  }

  @Override
  void setLine(int vcpu, int intid, boolean level) {
    (isPrivate(intid) ? gic.privateInterrupt(vcpu, intid) : gic.shared(intid)).set(level);
  }

  @Override
  int attributeBytes(int group) {
    return group == GROUP_ADDRESS || group == GROUP_CPU_REGISTERS ? Long.BYTES : Integer.BYTES;
  }

  @Override
  long place(long type, long value) {
    if (type == DISTRIBUTOR) {
      if (distributorGpa != UNDEFINED) {
        return -Errno.EEXIST;
      }
      long error = rangeError(value, Gicv3.DISTRIBUTOR_BYTES, FRAME);
      distributorGpa = error == 0 ? value : UNDEFINED;
      return error;
    }
    boolean region = type == REDISTRIBUTOR_REGION;
    long count = region ? value >>> REGION_COUNT_SHIFT : 0;
    if (region && (count == 0 || (value & REGION_FLAGS_AND_INDEX) != 0)) {
      return -Errno.EINVAL;
    }
    if (redistributorsGpa != UNDEFINED) {
      return -Errno.EINVAL;
    }
    long gpa = region ? value & REGION_BASE : value;
    long error = rangeError(gpa, Math.max(count, 1) * Gicv3.REDISTRIBUTOR_BYTES, FRAME);
    if (error == 0) {
      redistributorsGpa = gpa;
      regionCount = count;
    }
    return error;
  }

  @Override
  long placeOf(long type) {
    if (type == DISTRIBUTOR) {
      return distributorGpa;
    }
    return type == REDISTRIBUTOR_REGION && redistributorsGpa != UNDEFINED
        ? redistributorsGpa | regionCount << REGION_COUNT_SHIFT
        : redistributorsGpa;
  }

  /** As the vCPU whose affinity is in {@code attribute[63:32]} sees it. */
  @Override
  long access(int group, long attribute, boolean write, byte[] value) {
    int vcpu = vm().indexOfAffinity(attribute >>> 32);
    if (vcpu < 0) {
      return -Errno.EINVAL;
    }
    long offset = attribute & 0xffff_ffffL;
    return switch (group) {
      case GROUP_DISTRIBUTOR -> accessWord(gic.distributor(), offset, write, value);
      case GROUP_REDISTRIBUTOR -> accessWord(gic.redistributor(vcpu), offset, write, value);
      case GROUP_CPU_REGISTERS -> accessRegister(vcpu, (int) attribute & 0xffff, write, value);
      default -> accessLevels(vcpu, (int) attribute & LEVELS_INTID, write, value);
    };
  }

  private long accessRegister(int vcpu, int register, boolean write, byte[] value) {
    if (write) {
      gic.cpuRegisters(vcpu).write(register, LittleEndian.getLong(value, 0));
    } else {
      LittleEndian.putLong(value, 0, gic.cpuRegisters(vcpu).read(register));
    }
    return 0;
  }

  /** The levels of 32 inputs. */
  private long accessLevels(int vcpu, int first, boolean write, byte[] value) {
    if ((first & 31) != 0 || first >= interrupts()) {
      return -Errno.EINVAL;
    }
    int levels = LittleEndian.getInt(value, 0);
    for (int bit = 0; bit < Integer.SIZE; bit++) {
      if (!write) {
        levels = levels & ~(1 << bit) | (gic.isAsserted(vcpu, first + bit) ? 1 << bit : 0);
      } else if (first + bit >= 16) {
        setLine(vcpu, first + bit, (levels >>> bit & 1) != 0);
      }
    }
    LittleEndian.putInt(value, 0, levels);
    return 0;
  }

  @Override
  boolean knows(int group, long attribute) {
    long offset = attribute & 0xffff_ffffL;
    return switch (group) {
      case GROUP_ADDRESS ->
          attribute == DISTRIBUTOR
              || attribute == REDISTRIBUTORS
              || attribute == REDISTRIBUTOR_REGION;
      case GROUP_DISTRIBUTOR -> offset < Gicv3.DISTRIBUTOR_BYTES && (offset & 3) == 0;
      case GROUP_REDISTRIBUTOR -> offset < Gicv3.REDISTRIBUTOR_BYTES && (offset & 3) == 0;
      case GROUP_CPU_REGISTERS -> Gicv3CpuRegisters.isState((int) attribute & 0xffff);
      case GROUP_LEVELS -> (offset >>> 10) == 0;
      default -> false;
    };
  }

  @Override
  MmioDevice deviceAt(long address, int bytes) {
    if (isInside(address, bytes, distributorGpa, Gicv3.DISTRIBUTOR_BYTES)) {
      return gic.distributor();
    }
    long all = vm().vcpuCount() * Gicv3.REDISTRIBUTOR_BYTES;
    return isInside(address, bytes, redistributorsGpa, all)
        ? gic.redistributor((int) ((address - redistributorsGpa) / Gicv3.REDISTRIBUTOR_BYTES))
        : null;
  }

  @Override
  long offsetOf(long address) {
    return isInside(address, 1, distributorGpa, Gicv3.DISTRIBUTOR_BYTES)
        ? address - distributorGpa
        : (address - redistributorsGpa) % Gicv3.REDISTRIBUTOR_BYTES;
  }
}
