package dev.quire.lab.contention;

import dev.quire.lab.cost.MachineCosts;

/**
 * What paging in and what sharing costs, in nanoseconds.
 *
 * @param exitPageWork all that a vCPU does for a page, by itself, where it leaves KVM and asks for
 *     the page: exits, entries, system calls, page tables
 * @param uffdPageWork the same where userfaultfd puts it to sleep and a reader asks for the page
 * @param wakeUp waking a thread of the process; one at a time
 * @param lineAtomic an atomic on a line that the processor has
 * @param sameComplex moving a line between processors under one L3 cache
 * @param sameSocket between such complexes of one socket
 * @param otherSocket between sockets
 * @param cacheHit reading a line that the L3 cache has
 */
public record PagingCosts(
    double exitPageWork,
    double uffdPageWork,
    double wakeUp,
    double lineAtomic,
    double sameComplex,
    double sameSocket,
    double otherSocket,
    double cacheHit) {

  /**
   * Out of a machine's prices.
   *
   * @throws IllegalArgumentException if the machine lacks one
   */
  public static PagingCosts of(MachineCosts costs) {
    return new PagingCosts(
        price(costs, "exit-page-work"),
        price(costs, "uffd-page-work"),
        price(costs, "wake-up"),
        price(costs, "line-atomic"),
        price(costs, "line-same-complex"),
        price(costs, "line-same-socket"),
        price(costs, "line-other-socket"),
        price(costs, "l3-hit"));
  }

  private static double price(MachineCosts costs, String name) {
    if (!costs.prices().containsKey(name)) {
      throw new IllegalArgumentException(costs.machine() + " has no price " + name);
    }
    return costs.prices().get(name).nanos();
  }
}
