package dev.quire.emulator.machine;

import dev.quire.mmu.MmuCounters;
import java.util.List;
import java.util.Map;

/**
 * What a run did, as plain data.
 *
 * @param instructions retired by all vCPUs, counted
 * @param virtualNanos virtual time passed, modelled (one instruction is one nanosecond)
 * @param kernel what the host kernel model did, by Linux's names where there are any
 */
public record RunResult(
    RunStatus status,
    String reason,
    long instructions,
    long virtualNanos,
    List<VcpuResult> vcpus,
    Map<String, Long> kernel,
    List<String> markers) {

  /** One vCPU's share. {@code engine} may differ between identical runs, nothing else may. */
  public record VcpuResult(
      int vcpu,
      long instructions,
      long guestFaults,
      long stage2Faults,
      long interrupts,
      long halts,
      long ioExits,
      long mmioExits,
      MmuCounters.Snapshot mmu,
      Map<String, Long> engine) {}
}
