package dev.quire.kvm.vm;

import dev.quire.kvm.fd.SharedPages;

/**
 * The generic part of a vCPU: its pages, its ring of dirty pages, whose turn it is. Lives as long
 * as its VM. On the VM's thread.
 */
final class Vcpu {
  private static final int WAKEUPS = StatisticsLayout.GENERIC_VCPU.placeOf("halt_wakeup");
  private static final int BLOCKING = StatisticsLayout.GENERIC_VCPU.placeOf("blocking");

  private final Vm vm;
  private final int id;
  private final SharedPages run;

  /** Null unless the VM has dirty rings. */
  private final DirtyRing ring;

  private final ArchVcpu arch;
  private VcpuCall owner;
  private boolean waiting;
  private long wakeups;

  Vcpu(Vm vm, int id, SharedPages run, DirtyRing ring, ArchVcpu arch) {
    this.vm = vm;
    this.id = id;
    this.run = run;
    this.ring = ring;
    this.arch = arch;
  }

  Vm vm() {
    return vm;
  }

  int id() {
    return id;
  }

  SharedPages run() {
    return run;
  }

  DirtyRing ring() {
    return ring;
  }

  ArchVcpu arch() {
    return arch;
  }

  /** Whether the call has the vCPU for itself (vcpu->mutex): it keeps it until {@link #unlock}. */
  boolean lock(VcpuCall call) {
    if (owner == null) {
      owner = call;
    }
    return owner == call;
  }

  void unlock() {
    owner = null;
    setWaiting(false);
  }

  void setWaiting(boolean now) {
    wakeups += waiting && !now ? 1 : 0;
    waiting = now;
  }

  long[] statistics(StatisticsLayout layout) {
    long[] values = new long[layout.values()];
    values[WAKEUPS] = wakeups;
    values[BLOCKING] = waiting ? 1 : 0;
    arch.statistics(values);
    return values;
  }

  void close() {
    arch.close();
    run.close();
    if (ring != null) {
      ring.pages().close();
    }
  }
}
