package dev.quire.kvm.vm;

import dev.quire.kvm.fd.Caller;

/** A file that KVM_RUN can be called on: a vCPU's. On the VM's thread. */
public interface RunFile {
  /**
   * Begins KVM_RUN; never while another of this file is under way.
   *
   * @param argument of the ioctl; the call refuses what is not 0
   * @return one that is done at once if it is refused
   */
  RunCall run(Caller caller, long argument);
}
