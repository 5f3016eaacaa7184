package dev.quire.lab.report;

import dev.quire.emulator.machine.RunStatus;
import dev.quire.lab.tlb.MeasuredCounts;
import java.util.List;
import java.util.Map;

/**
 * What a run came to.
 *
 * @param status how it ended
 * @param reason why, in one line
 * @param vcpus counts of each virtual CPU, by number
 * @param total counts of the machine
 * @param pagesTouched pages the host gave the guest at its first touch, by page size
 * @param kernel what the host kernel model did, by Linux's names where there are any
 * @param virtualNanos virtual time, modelled: a retired instruction is 1 ns
 * @param wallNanos wall-clock time of the run
 * @param measured what the modelled TLBs counted: of each geometry, every vCPU and then the total;
 *     empty in a functional run
 * @param memoryHash of guest memory at the end; null if nobody asked
 */
public record RunOutcome(
    RunStatus status,
    String reason,
    List<Counts> vcpus,
    Counts total,
    Map<String, Long> pagesTouched,
    Map<String, Long> kernel,
    long virtualNanos,
    long wallNanos,
    List<MeasuredCounts> measured,
    String memoryHash) {

  /** A functional run whose memory nobody hashed. */
  public RunOutcome(
      RunStatus status,
      String reason,
      List<Counts> vcpus,
      Counts total,
      Map<String, Long> pagesTouched,
      Map<String, Long> kernel,
      long virtualNanos,
      long wallNanos) {
    this(
        status,
        reason,
        vcpus,
        total,
        pagesTouched,
        kernel,
        virtualNanos,
        wallNanos,
        List.of(),
        null);
  }

  /** The same run with another end. */
  public RunOutcome withEnd(RunStatus end, String why) {
    return with(end, why, memoryHash);
  }

  /** The same run with the hash of its memory. */
  public RunOutcome withMemoryHash(String hash) {
    return with(status, reason, hash);
  }

  private RunOutcome with(RunStatus end, String why, String hash) {
    return new RunOutcome(
        end, why, vcpus, total, pagesTouched, kernel, virtualNanos, wallNanos, measured, hash);
  }

  /**
   * Exact counts of the guest and the host. Maps are in the order in which they are shown.
   *
   * @param instructions retired
   * @param guestFaults faults of the guest's own translation delivered to it
   * @param stage2Faults second-stage faults the host resolved
   * @param interrupts delivered to the guest
   * @param exceptions given to the guest, by kind
   * @param pageFaults those that are page faults, by what they were about
   * @param exits exits to the machine, by kind
   * @param mmu what the MMU did that the guest or the host can see
   * @param engine what the engine did; may differ between two identical runs
   */
  public record Counts(
      long instructions,
      long guestFaults,
      long stage2Faults,
      long interrupts,
      Map<String, Long> exceptions,
      Map<String, Long> pageFaults,
      Map<String, Long> exits,
      Map<String, Long> mmu,
      Map<String, Long> engine) {

    /** Of a guest that took no exceptions. */
    public Counts(
        long instructions,
        long guestFaults,
        long stage2Faults,
        long interrupts,
        Map<String, Long> exits,
        Map<String, Long> mmu,
        Map<String, Long> engine) {
      this(
          instructions,
          guestFaults,
          stage2Faults,
          interrupts,
          Map.of(),
          Map.of(),
          exits,
          mmu,
          engine);
    }
  }
}
