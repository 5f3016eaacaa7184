package dev.quire.kvm.server;

import dev.quire.kvm.host.MemoryQuota;
import dev.quire.kvm.wire.Limits;

/** What a process has used of its limits. On the process's thread. */
final class Quota implements MemoryQuota {
  private final Limits limits;
  private int vms;
  private int vcpus;
  private long memoryBytes;

  Quota(Limits limits) {
    this.limits = limits;
  }

  Limits limits() {
    return limits;
  }

  /** Takes one VM more: false if it may have none. */
  boolean vm() {
    if (vms == limits.vms()) {
      return false;
    }
    vms++;
    return true;
  }

  void vmGone() {
    vms--;
  }

  /** Takes one vCPU more: false if it may have none. */
  boolean vcpu() {
    if (vcpus == limits.vcpus()) {
      return false;
    }
    vcpus++;
    return true;
  }

  void vcpusGone(int count) {
    vcpus -= count;
  }

  @Override
  public boolean take(long bytes) {
    if (bytes > limits.memoryBytes() - memoryBytes) {
      return false;
    }
    memoryBytes += bytes;
    return true;
  }

  @Override
  public void giveBack(long bytes) {
    memoryBytes -= bytes;
  }

  long memoryBytes() {
    return memoryBytes;
  }

  int vms() {
    return vms;
  }

  int vcpus() {
    return vcpus;
  }
}
