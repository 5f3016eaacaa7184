package dev.quire.kvm.vm;

import dev.quire.kernel.kvm.Stage2Mmu;

/** What an architecture may ask of the generic part of its VM. On the VM's thread. */
public interface VmContext {
  VmHost host();

  /** The second stage with its slots; its faults are KVM's page faults. */
  Stage2Mmu stage2();

  /** Who takes port and memory accesses before user space does. */
  KvmBus bus();

  /** Whether the client's kernel profile and enabled capabilities say so: see KVM_ENABLE_CAP. */
  boolean isEnabled(int capability);

  /** A vCPU by its id, or null. */
  ArchVcpu vcpu(int id);

  /** Wakes vCPUs that wait: an interrupt line changed. */
  void wake();
}
