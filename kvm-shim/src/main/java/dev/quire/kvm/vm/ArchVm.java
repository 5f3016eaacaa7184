package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;

/** The architecture's side of a VM: interrupt controllers, timers, vCPUs. On the VM's thread. */
public interface ArchVm extends AutoCloseable {
  /**
   * Makes a vCPU.
   *
   * @param id checked by the caller: free and below KVM_CAP_MAX_VCPU_ID of {@link #checkExtension}
   * @param run its kvm_run and, on x86, the page of port data: {@link HostTraits#runPages}
   * @return null with {@link #error} set
   */
  ArchVcpu createVcpu(int id, SharedPages run);

  /** Why the last {@link #createVcpu} or {@link #createDevice} failed: -errno. */
  long error();

  /**
   * A VM ioctl of this architecture.
   *
   * @return the result, -errno or {@link ArchVcpu#UNKNOWN}
   */
  long ioctl(Caller caller, int request, long argument);

  /** KVM_CHECK_EXTENSION on the VM of what depends on it; else {@link ArchVcpu#UNKNOWN}. */
  long checkExtension(long capability);

  /** KVM_ENABLE_CAP of the architecture's own; {@link ArchVcpu#UNKNOWN} for generic ones. */
  long enableCapability(int capability, int flags, long[] arguments);

  /** Sets a line of the interrupt controllers, as an irqfd or KVM_IRQ_LINE does. */
  void setInterruptLine(int gsi, boolean level);

  /** An edge on a routed GSI (irqfd), message-signalled ones included. */
  void injectInterrupt(int gsi);

  /**
   * Whether KVM_IRQFD can be: 0, -EAGAIN before there is an interrupt controller that will be, or
   * -EINVAL.
   *
   * @param resample whether the line is to be level-triggered, see {@link VmContext#acknowledged}
   */
  default long irqfdError(boolean resample) {
    return -Errno.EINVAL;
  }

  /** Whether KVM_CREATE_DEVICE knows this type; else ENODEV. */
  default boolean hasDeviceType(int type) {
    return false;
  }

  /**
   * KVM_CREATE_DEVICE of a type that there is.
   *
   * @return null with {@link #error} set
   */
  default KvmDevice createDevice(int type) {
    throw new IllegalArgumentException("no device type " + type);
  }

  /** Puts values of {@link Architecture#vmStatistics} in their places; all are 0 at first. */
  default void statistics(long[] values) {}

  @Override
  void close();
}
