package dev.quire.kvm.x86;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmCpuid2;
import dev.quire.kvm.abi.KvmDeviceAttr;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVcpu;
import java.util.List;

/**
 * x86 calls on /dev/kvm: supported CPUID, lists of MSRs, feature MSRs, capabilities (Linux v6.18
 * arch/x86/kvm/x86.c, kvm_arch_dev_ioctl). Stateless.
 */
public final class X86System {
  private X86System() {}

  /** A system call, or {@link ArchVcpu#UNKNOWN}. */
  public static long ioctl(Caller caller, int request, long argument) {
    return switch (request) {
      case Ioctls.GET_MSR_INDEX_LIST -> MsrLists.copyOut(caller, argument, MsrLists.saved());
      case Ioctls.GET_MSR_FEATURE_INDEX_LIST ->
          MsrLists.copyOut(caller, argument, FeatureMsrs.all());
      case Ioctls.GET_MSRS -> MsrLists.perform(caller, argument, true, new FeatureAccess());
      case Ioctls.GET_SUPPORTED_CPUID -> getCpuid(caller, argument, SupportedCpuid.entries());
      case Ioctls.GET_EMULATED_CPUID -> getCpuid(caller, argument, SupportedCpuid.emulated());
      case Ioctls.X86_GET_MCE_CAP_SUPPORTED -> {
        byte[] supported = new byte[Long.BYTES];
        LittleEndian.putLong(supported, 0, MachineCheck.SUPPORTED);
        yield UserStructs.copyOut(caller, argument, supported);
      }
      case Ioctls.GET_DEVICE_ATTR, Ioctls.HAS_DEVICE_ATTR ->
          deviceAttribute(caller, request, argument);
      default -> ArchVcpu.UNKNOWN;
    };
  }

  /** KVM_CHECK_EXTENSION on /dev/kvm, or {@link ArchVcpu#UNKNOWN}. */
  public static long checkExtension(long capability) {
    return X86Capabilities.check(capability);
  }

  private static long getCpuid(Caller caller, long argument, List<CpuidEntry> entries) {
    byte[] header = UserStructs.copyIn(caller, argument, KvmCpuid2.BYTES);
    if (header == null) {
      return -Errno.EFAULT;
    }
    int room = LittleEndian.getInt(header, KvmCpuid2.NENT);
    return Integer.compareUnsigned(room, entries.size()) < 0
        ? -Errno.E2BIG
        : GuestCpuid.copyOut(caller, argument, header, entries);
  }

  /** KVM_X86_XCOMP_GUEST_SUPP: the XCR0 that guests can have. */
  private static long deviceAttribute(Caller caller, int request, long argument) {
    byte[] attribute = UserStructs.copyIn(caller, argument, KvmDeviceAttr.BYTES);
    if (attribute == null) {
      return -Errno.EFAULT;
    }
    if (LittleEndian.getInt(attribute, KvmDeviceAttr.GROUP) != 0
        || LittleEndian.getLong(attribute, KvmDeviceAttr.ATTR) != 0) {
      return -Errno.ENXIO;
    }
    if (request == Ioctls.HAS_DEVICE_ATTR) {
      return 0;
    }
    byte[] value = new byte[Long.BYTES];
    LittleEndian.putLong(value, 0, FloatingPoint.SUPPORTED);
    return UserStructs.copyOut(caller, LittleEndian.getLong(attribute, KvmDeviceAttr.ADDR), value);
  }

  /** Feature MSRs of the host. */
  private static final class FeatureAccess implements MsrLists.Access {
    private long value;

    @Override
    public boolean perform(int msr, long data) {
      value = FeatureMsrs.value(msr);
      return FeatureMsrs.contains(msr) || MsrLists.isAdvertised(msr);
    }

    @Override
    public long value() {
      return value;
    }
  }
}
