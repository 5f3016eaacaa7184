package dev.quire.lab.cli;

import dev.quire.kernel.kvm.HostEventPlan;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.mmu.tlb.TlbGeometry;
import java.time.Duration;
import java.util.List;

/**
 * How to run a guest, beside what it is.
 *
 * @param hostPages what backs guest memory
 * @param seed of every random choice
 * @param maxInstructions {@link Long#MAX_VALUE} if unbounded
 * @param timeout wall-clock time, null if unbounded
 * @param tlbs geometries to measure; none in a functional run
 * @param fragmentation probability that the host has no folio of an order that it wants, 0 to 1
 * @param hostEvents how the host disturbs the guest; null if it does not
 * @param hostKernel which kernel the host runs
 */
public record RunSettings(
    HostPagePolicy hostPages,
    long seed,
    long maxInstructions,
    Duration timeout,
    List<TlbGeometry> tlbs,
    double fragmentation,
    HostEventPlan hostEvents,
    KernelProfile hostKernel) {
  /** What {@code --fragmentation} says; a failure with one line for the user if it is no share. */
  static double checkedFragmentation(double fragmentation) {
    if (!(fragmentation >= 0 && fragmentation <= 1)) {
      throw CommandFailure.usage("--fragmentation " + fragmentation + " is out of range: 0 to 1");
    }
    return fragmentation;
  }
}
