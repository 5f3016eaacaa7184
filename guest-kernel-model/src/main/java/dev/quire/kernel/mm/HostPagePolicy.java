package dev.quire.kernel.mm;

import dev.quire.mmu.Order;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What pages the host backs a guest with, as named on the command line: {@code
 * [16k:|64k:]KIND[+aggregation][+contpte]}. docs/HOST-PAGES.md tables what is legal where.
 *
 * <p>Sources: Linux v6.18 include/linux/huge_mm.h (THP_ORDERS_ALL_ANON: orders from 2 to that of a
 * PMD), Documentation/admin-guide/mm/transhuge.rst, Documentation/arch/arm64/hugetlbpage.rst.
 *
 * @param name in full, prefix and suffixes included
 * @param granule the host's base page
 * @param folioOrders bit n: folios of order n ({@link Order}) are tried, the largest first; never 0
 * @param memory what kind of memory the folios are
 * @param aggregation whether the core that runs the guest coalesces contiguous entries by itself
 * @param contpte a what-if: leaves of the second stage carry the contiguous bit
 */
public record HostPagePolicy(
    String name,
    HostGranule granule,
    int folioOrders,
    HostMemoryKind memory,
    boolean aggregation,
    boolean contpte) {

  private static final String AGGREGATION = "+aggregation";
  private static final String CONTPTE = "+contpte";

  /** Anonymous folios have no order 1 (Linux: the deferred split list needs a third page). */
  private static final int SMALLEST_FOLIO = 2;

  private static final int[] MTHP_ORDERS = {2, 3, 4, 5, 6, 7, 8};

  public static final HostPagePolicy BASE = parse("4k");
  public static final HostPagePolicy THP = parse("thp");
  public static final HostPagePolicy HUGETLB_2M = parse("hugetlb-2m");
  public static final HostPagePolicy HUGETLB_1G = parse("hugetlb-1g");

  public HostPagePolicy {
    if (folioOrders == 0) {
      throw new IllegalArgumentException("no folio order");
    }
  }

  /**
   * Reads a policy's name.
   *
   * @throws IllegalArgumentException with a message for the user that names the legal ones
   */
  public static HostPagePolicy parse(String name) {
    HostGranule granule = HostGranule.BASE_4K;
    String kind = name;
    for (HostGranule other : List.of(HostGranule.BASE_16K, HostGranule.BASE_64K)) {
      if (name.startsWith(other + ":")) {
        granule = other;
        kind = name.substring(other.toString().length() + 1);
      }
    }
    boolean aggregation = false;
    boolean contpte = false;
    while (kind.endsWith(AGGREGATION) && !aggregation || kind.endsWith(CONTPTE) && !contpte) {
      boolean first = kind.endsWith(AGGREGATION);
      aggregation |= first;
      contpte |= !first;
      kind = kind.substring(0, kind.length() - (first ? AGGREGATION : CONTPTE).length());
    }
    Integer orders = kinds(granule).get(kind);
    if (orders == null) {
      throw new IllegalArgumentException(
          "unknown host page policy '%s'; choose one of %s (%s), with the suffixes %s and %s or without"
              .formatted(
                  name,
                  String.join(", ", names(granule)),
                  granule == HostGranule.BASE_4K
                      ? "arm64 also with the prefix 16k: or 64k:"
                      : "those of a host with " + granule + " base pages",
                  AGGREGATION,
                  CONTPTE));
    }
    if (contpte && !makesGroups(granule, orders)) {
      throw new IllegalArgumentException(
          "host page policy '%s': no folio of %s makes a contiguous group of last-level entries;"
                  .formatted(name, kind)
              + " +contpte goes with "
              + String.join(", ", withContpte(granule)));
    }
    String prefix = granule == HostGranule.BASE_4K ? "" : granule + ":";
    String suffixes = (aggregation ? AGGREGATION : "") + (contpte ? CONTPTE : "");
    return new HostPagePolicy(
        prefix + kind + suffixes, granule, orders, memoryOf(kind), aggregation, contpte);
  }

  /** Anonymous memory in base pages. */
  public static HostPagePolicy base(HostGranule granule) {
    return parse(granule == HostGranule.BASE_4K ? "4k" : granule + ":" + granule);
  }

  private static HostMemoryKind memoryOf(String kind) {
    return switch (kind) {
      case "gmem" -> HostMemoryKind.GUEST_MEMFD;
      case "shmem" -> HostMemoryKind.SHMEM;
      default -> kind.startsWith("hugetlb-") ? HostMemoryKind.HUGETLB : HostMemoryKind.ANONYMOUS;
    };
  }

  /** The names that {@link #parse} accepts of a host with this base page, without suffixes. */
  public static List<String> names(HostGranule granule) {
    return List.copyOf(kinds(granule).keySet());
  }

  /** The folio orders of each kind of policy. */
  private static Map<String, Integer> kinds(HostGranule granule) {
    int base = granule.baseOrder();
    int pmd = granule.pmdOrder();
    Map<String, Integer> kinds = new LinkedHashMap<>();
    kinds.put(granule.toString(), 1 << base);
    kinds.put("thp", 1 << pmd);
    for (int order : MTHP_ORDERS) {
      if (order >= base + SMALLEST_FOLIO) {
        kinds.put("mthp-" + (Order.bytes(order) >>> 10) + "k", 1 << order);
      }
    }
    kinds.put("mthp-all", (1 << pmd + 1) - (1 << base + SMALLEST_FOLIO));
    kinds.put("hugetlb-2m", 1 << Order.SIZE_2M);
    if (granule.largestOrder() >= Order.SIZE_1G) {
      kinds.put("hugetlb-1g", 1 << Order.SIZE_1G);
    }
    kinds.put("gmem", 1 << base);
    kinds.put("shmem", 1 << base);
    return kinds;
  }

  /** Whether a folio is a contiguous group of base pages and too small for a block. */
  private static boolean makesGroups(HostGranule granule, int orders) {
    int groups = (1 << granule.pmdOrder()) - (1 << granule.contiguousOrder());
    return (orders & groups) != 0;
  }

  private static List<String> withContpte(HostGranule granule) {
    List<String> names = new ArrayList<>();
    kinds(granule)
        .forEach(
            (kind, orders) -> {
              if (makesGroups(granule, orders)) {
                names.add(kind);
              }
            });
    return names;
  }

  /**
   * Refuses a policy that no host of this architecture has.
   *
   * @throws IllegalArgumentException with a message for the user that names the legal ones
   */
  public void requireArchitecture(HostArchitecture architecture) {
    if (architecture == HostArchitecture.ARM64) {
      return;
    }
    if (granule != HostGranule.BASE_4K) {
      throw new IllegalArgumentException(
          "host page policy '%s': %s base pages are arm64's; for %s choose one of %s"
              .formatted(name, granule, architecture, legalOnX86()));
    }
    if (contpte) {
      throw new IllegalArgumentException(
          "host page policy '%s': the contiguous bit is arm64's; for %s choose one of %s"
              .formatted(name, architecture, legalOnX86()));
    }
  }

  private static String legalOnX86() {
    return String.join(", ", names(HostGranule.BASE_4K)) + ", each also with " + AGGREGATION;
  }

  /**
   * Whether only the largest folios will do (hugetlbfs), so that running out of them is an error;
   * otherwise smaller ones and base pages are the fallback.
   */
  public boolean reserved() {
    return memory == HostMemoryKind.HUGETLB;
  }

  /** Whether the host makes transparent huge pages of the size of a PMD for this memory. */
  boolean hasPmdFolios() {
    return !reserved() && (folioOrders >>> granule.pmdOrder() & 1) != 0;
  }

  /** The order of the largest folio tried. */
  public int order() {
    return Integer.SIZE - 1 - Integer.numberOfLeadingZeros(folioOrders);
  }

  /** The largest order tried that is at most {@code most}; the base page's if there is none. */
  int orderAtMost(int most) {
    int orders = folioOrders & (1 << most + 1) - 1;
    return orders == 0
        ? granule.baseOrder()
        : Integer.SIZE - 1 - Integer.numberOfLeadingZeros(orders);
  }

  /**
   * Refuses a guest whose memory this policy cannot back.
   *
   * @throws IllegalArgumentException with a message for the user
   */
  public void requireMultiple(long memoryBytes) {
    int order = reserved() ? order() : granule.baseOrder();
    if ((memoryBytes & Order.offsetMask(order)) != 0) {
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
