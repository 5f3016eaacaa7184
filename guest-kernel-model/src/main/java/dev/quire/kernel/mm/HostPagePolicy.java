package dev.quire.kernel.mm;

import dev.quire.mmu.Order;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What pages the host backs a guest with, as named on the command line.
 *
 * @param name as the user writes it
 * @param order the order of a host page wanted, {@link Order}
 * @param reserved whether only this order will do (hugetlbfs), so that running out of it is an
 *     error; otherwise base pages are the fallback, as with transparent huge pages
 */
public record HostPagePolicy(String name, int order, boolean reserved) {
  public static final HostPagePolicy BASE = new HostPagePolicy("4k", Order.SIZE_4K, false);
  public static final HostPagePolicy THP = new HostPagePolicy("thp", Order.SIZE_2M, false);
  public static final HostPagePolicy HUGETLB_2M =
      new HostPagePolicy("hugetlb-2m", Order.SIZE_2M, true);
  public static final HostPagePolicy HUGETLB_1G =
      new HostPagePolicy("hugetlb-1g", Order.SIZE_1G, true);

  private static final List<HostPagePolicy> LEGAL = List.of(BASE, THP, HUGETLB_2M, HUGETLB_1G);

  private static final Pattern KNOWN =
      Pattern.compile(
          "(?:(?:16k|64k):)?"
              + "(?:4k|thp|mthp-(?:16|32|64|128|256|512|1024)k|mthp-all|hugetlb-(?:2m|1g)|gmem|shmem)"
              + "(?:\\+aggregation)?(?:\\+contpte)?");

  /**
   * Reads a policy's name.
   *
   * @throws IllegalArgumentException with a message for the user: an unknown name, or one of a
   *     policy that this version does not model; both name the legal ones
   */
  public static HostPagePolicy parse(String name) {
    for (HostPagePolicy policy : LEGAL) {
      if (policy.name.equals(name)) {
        return policy;
      }
    }
    String problem =
        KNOWN.matcher(name).matches()
            ? "host page policy '%s' is not modelled by this version; choose one of %s"
            : "unknown host page policy '%s'; choose one of %s";
    throw new IllegalArgumentException(problem.formatted(name, String.join(", ", names())));
  }

  /** The names that {@link #parse} accepts. */
  public static List<String> names() {
    return LEGAL.stream().map(HostPagePolicy::name).toList();
  }

  /**
   * Refuses a guest whose memory this policy cannot back.
   *
   * @throws IllegalArgumentException with a message for the user
   */
  public void requireMultiple(long memoryBytes) {
    if (reserved && (memoryBytes & Order.offsetMask(order)) != 0) {
      throw new IllegalArgumentException(
          "memory of %d bytes is not a multiple of the %d-byte pages of host page policy %s"
              .formatted(memoryBytes, Order.bytes(order), name));
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
