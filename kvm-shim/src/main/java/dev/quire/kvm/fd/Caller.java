package dev.quire.kvm.fd;

/** The process that makes a call. Valid for that call, on its thread, only. */
public interface Caller {
  UserMemory memory();

  Descriptors descriptors();

  /**
   * The caller's address space, by identity: a VM and its vCPUs answer only to the one that made
   * the VM (Linux v6.18 virt/kvm/kvm_main.c, kvm_vm_ioctl: EIO).
   */
  Object addressSpace();
}
