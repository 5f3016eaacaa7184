package dev.quire.kvm.server;

import dev.quire.kvm.fd.Descriptor;

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
}
