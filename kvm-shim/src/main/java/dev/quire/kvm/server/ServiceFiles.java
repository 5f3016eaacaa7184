package dev.quire.kvm.server;

import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.vm.VmHosts;

/** What a process can open. */
public interface ServiceFiles {
  /** A new open file of /dev/kvm, with one reference. */
  Descriptor openKvm();

  /**
   * The text of a file below /sys/module.
   *
   * @return null if there is no such file
   */
  String text(String path);

  /** Makes the files of each process. Any thread. */
  @FunctionalInterface
  interface Factory {
    /**
     * @param hosts where the process's VMs get theirs
     */
    ServiceFiles files(VmHosts hosts);
  }
}
