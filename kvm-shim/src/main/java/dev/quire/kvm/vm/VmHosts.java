package dev.quire.kvm.vm;

import dev.quire.kvm.fd.Caller;

/**
 * Where VMs get the modelled host they stand on: one for each, or that of the caller's process. On
 * the thread that makes the VM, and the one that ends it.
 */
public interface VmHosts {
  /**
   * The host of a VM that the caller makes.
   *
   * @return null if it may have no more (EMFILE, as of descriptors)
   */
  VmHost open(Caller caller);

  /** The VM on this host is gone, and with it all that it had of the host. */
  void close(VmHost host);
}
