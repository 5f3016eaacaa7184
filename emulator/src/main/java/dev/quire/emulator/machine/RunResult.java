package dev.quire.emulator.machine;

import dev.quire.emulator.measure.Measurement;
import dev.quire.kernel.kvm.Stage2Counters;
import dev.quire.mmu.MmuCounters;
import java.util.List;
import java.util.Map;

/**
 * What a run did, as plain data.
 *
 * @param instructions retired by all vCPUs, counted
 * @param virtualNanos virtual time passed, modelled (one instruction is one nanosecond)
 * @param stage2 what the host's second stage did, counted
 * @param kernel what the host's kernel counted, by Linux's names; zeros are left out
 * @param hostEvents what the host did to the guest's memory of its own accord, by kind; empty if it
 *     left it alone
 * @param markers lines the guest wrote to its marker device
 * @param measured what the modelled TLBs counted; null in a functional run
 */
public record RunResult(
    RunStatus status,
    String reason,
    long instructions,
    long virtualNanos,
    List<VcpuResult> vcpus,
    Stage2Counters.Snapshot stage2,
    Map<String, Long> kernel,
    Map<String, Long> hostEvents,
    List<String> markers,
    Measured measured) {

  /**
   * Counts of a measured run.
   *
   * @param marked whether the guest marked the region of interest; else it is the whole run
   * @param vcpus the region's counts, by vCPU
   */
  public record Measured(boolean marked, List<Measurement.Counted> vcpus) {}

  /**
   * One vCPU's share. {@code engine} may differ between identical runs, nothing else may.
   *
   * @param guestFaults translations that failed for the guest while it executed
   * @param exceptions delivered, by kind ({@code pf}, {@code data_abort})
   * @param pageFaults those that are page faults, by what they were about
   */
  public record VcpuResult(
      int vcpu,
      long instructions,
      long guestFaults,
      long stage2Faults,
      long interrupts,
      long halts,
      long ioExits,
      long mmioExits,
      Map<String, Long> exceptions,
      Map<String, Long> pageFaults,
      MmuCounters.Snapshot mmu,
      Map<String, Long> engine) {}
}
