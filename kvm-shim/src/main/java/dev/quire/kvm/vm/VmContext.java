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

  /**
   * Whether a vCPU's dirty ring is so full that it may not enter the guest: KVM_RUN ends with
   * KVM_EXIT_DIRTY_RING_FULL (kvm_dirty_ring_check_request). To be asked before each entry.
   */
  boolean isDirtyRingFull(int vcpu);

  /**
   * The guest ended the interrupt of a level-triggered line: irqfds with resampling lower it and
   * tell their owners (kvm_notify_acked_irq).
   */
  void acknowledged(int gsi);

  /** Wakes vCPUs that wait: an interrupt line changed. */
  void wake();
}
