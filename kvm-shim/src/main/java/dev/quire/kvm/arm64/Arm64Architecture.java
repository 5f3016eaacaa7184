package dev.quire.kvm.arm64;

import dev.quire.emulator.vcpu.arm64.Arm64Processor;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.ArchVm;
import dev.quire.kvm.vm.Architecture;
import dev.quire.kvm.vm.HostTraits;
import dev.quire.kvm.vm.StatisticsLayout;
import dev.quire.kvm.vm.VmContext;
import dev.quire.kvm.vm.VmHost;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.Stage2PteFormat;

/** An arm64 host of KVM with VHE and 4 KiB pages. Immutable. */
public final class Arm64Architecture implements Architecture {
  /** KVM_VM_TYPE_ARM_IPA_SIZE_MASK; 0 means 40 bits. */
  private static final long IPA_SIZE_MASK = 0xff;

  private static final int IPA_BITS_DEFAULT = 40;
  private static final int IPA_BITS_LEAST = 32;

  /** What one GICv2 has interfaces for. */
  static final int MOST_VCPUS = 8;

  /** KVM_GUESTDBG_ENABLE, SINGLESTEP and USE_SW_BP. */
  static final int GUEST_DEBUG_FLAGS = 1 | 2 | 1 << 16;

  /** 4 KiB, 2 MiB and 1 GiB. */
  private static final long BLOCK_SIZES = 1L << 12 | 1L << 21 | 1L << 30;

  @Override
  public boolean acceptsVmType(VmHost host, long type) {
    long bits = type & IPA_SIZE_MASK;
    return (type & ~IPA_SIZE_MASK) == 0
        && (bits == 0 || bits >= IPA_BITS_LEAST && bits <= Arm64Processor.PHYSICAL_BITS);
  }

  @Override
  public long systemIoctl(Caller caller, int request, long argument) {
    return ArchVcpu.UNKNOWN;
  }

  @Override
  public HostTraits traits() {
    return HostTraits.ARM64;
  }

  @Override
  public int physicalBits(long type) {
    long bits = type & IPA_SIZE_MASK;
    return bits == 0 ? IPA_BITS_DEFAULT : (int) bits;
  }

  @Override
  public PteFormat stage2Format(long type) {
    int bits = physicalBits(type);
    return new Stage2PteFormat(
        Granule.SIZE_4K, bits, Arm64Processor.startLevel(Granule.SIZE_4K, bits));
  }

  @Override
  public long checkExtension(long capability) {
    if (capability != (int) capability) {
      return 0;
    }
    return switch ((int) capability) {
      case Capabilities.IRQCHIP,
          Capabilities.IOEVENTFD,
          Capabilities.ONE_REG,
          Capabilities.ARM_PSCI,
          Capabilities.ARM_PSCI_0_2,
          Capabilities.READONLY_MEM,
          Capabilities.MP_STATE,
          Capabilities.IMMEDIATE_EXIT,
          Capabilities.VCPU_EVENTS,
          Capabilities.ARM_IRQ_LINE_LAYOUT_2,
          Capabilities.SET_GUEST_DEBUG,
          Capabilities.VCPU_ATTRIBUTES,
          Capabilities.COUNTER_OFFSET,
          Capabilities.ARM_SET_DEVICE_ADDR,
          Capabilities.ARM_USER_IRQ,
          Capabilities.ARM_NISV_TO_USER,
          Capabilities.ARM_INJECT_EXT_DABT,
          Capabilities.ARM_PTRAUTH_ADDRESS,
          Capabilities.ARM_PTRAUTH_GENERIC,
          Capabilities.ARM_SUPPORTED_REG_MASK_RANGES ->
          1;
      case Capabilities.SET_GUEST_DEBUG2 -> GUEST_DEBUG_FLAGS;
      case Capabilities.NR_VCPUS, Capabilities.MAX_VCPUS, Capabilities.MAX_VCPU_ID -> MOST_VCPUS;
      case Capabilities.ARM_VM_IPA_SIZE -> Arm64Processor.PHYSICAL_BITS;
      case Capabilities.ARM_SUPPORTED_BLOCK_SIZES -> BLOCK_SIZES;
      default -> ArchVcpu.UNKNOWN;
    };
  }

  @Override
  public StatisticsLayout vcpuStatistics() {
    return Arm64Statistics.VCPU;
  }

  @Override
  public ArchVm createVm(VmContext vm, long type) {
    return new Arm64Vm(vm, physicalBits(type));
  }
}
