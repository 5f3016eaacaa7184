package dev.quire.kvm.vm;

import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;

/** The architecture's side of a VM: interrupt controllers, timers, vCPUs. */
public interface ArchVm extends AutoCloseable {
  /**
   * Makes a vCPU.
   *
   * @param id checked by the caller: free and below KVM_CAP_MAX_VCPU_ID
   * @param run its kvm_run, PIO page and coalesced ring
   * @return null with {@link #error} set
   */
  ArchVcpu createVcpu(int id, SharedPages run);

  /** Why the last {@link #createVcpu} failed: -errno. */
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

  @Override
  void close();
}
