package dev.quire.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** The table against a plain list, over random insertions, finds and invalidations. */
class ArchitecturalTlbModelTest {
  private static final int[] ORDERS = {0, 0, 0, 2, 4, 9, 18};
  private static final int LIMIT = 600;

  private record Entry(
      long va, int asid, boolean global, int stage1Order, int order, long pfn, long attributes) {
    boolean matches(long address, int space) {
      return (global || asid == space)
          && address >>> Order.shift(order) == va >>> Order.shift(order);
    }

    /** The obvious reading: does [first, last] meet the page the guest or the entry maps? */
    boolean meets(long first, long last) {
      int extent = Math.max(order, stage1Order);
      long start = va >>> Order.shift(extent);
      return Long.compareUnsigned(start, last >>> Order.shift(extent)) <= 0
          && Long.compareUnsigned(start, first >>> Order.shift(extent)) >= 0;
    }
  }

  private final List<Entry> model = new ArrayList<>();
  private final ArchitecturalTlb tlb = new ArchitecturalTlb(LIMIT);

  @Property(tries = 60, seed = "20260101")
  void theTableAgreesWithAList(@ForAll long seed) {
    Random random = new Random(seed);
    for (int step = 0; step < 1500; step++) {
      int choice = random.nextInt(100);
      if (choice < 60) {
        insert(random);
      } else if (choice < 95) {
        find(address(random), random.nextInt(4));
      } else {
        TlbInvalidation invalidation = invalidation(random);
        tlb.invalidate(invalidation);
        model.removeIf(entry -> hits(invalidation, entry));
        compareContents();
      }
    }
    compareContents();
  }

  private void insert(Random random) {
    int stage1 = ORDERS[random.nextInt(ORDERS.length)];
    int order = Math.min(stage1, ORDERS[random.nextInt(ORDERS.length)]);
    long va = address(random);
    long pfn = random.nextLong() & Translation.PFN_MASK & -(1L << order);
    Entry entry =
        new Entry(
            va & -Order.bytes(order),
            random.nextInt(4),
            random.nextInt(4) == 0,
            stage1,
            order,
            pfn,
            random.nextInt(2));
    boolean othersFall =
        model.stream().anyMatch(old -> old.matches(va, entry.asid()) && old.order() > 0);
    model.removeIf(old -> old.matches(va, entry.asid()));
    boolean full = model.size() >= LIMIT;
    if (full) {
      model.clear();
    }
    model.add(entry);
    boolean flush =
        tlb.insert(va, entry.asid(), entry.global(), stage1, order, pfn, entry.attributes());
    if (full) {
      assertThat(flush).isTrue();
    } else if (!othersFall) {
      assertThat(flush).isFalse();
    }
    find(va, entry.asid());
  }

  private void find(long va, int asid) {
    List<Entry> all = model.stream().filter(entry -> entry.matches(va, asid)).toList();
    int slot = tlb.find(va, asid);
    if (all.isEmpty()) {
      assertThat(slot).isEqualTo(-1);
    } else {
      assertThat(all).anyMatch(entry -> sameAs(entry, slot, va));
    }
  }

  private boolean sameAs(Entry entry, int slot, long va) {
    long inside = va >>> 12 & (1L << entry.order()) - 1;
    return slot >= 0
        && tlb.pfn(slot, va) == (entry.pfn() + inside & Translation.PFN_MASK)
        && tlb.order(slot) == entry.order()
        && tlb.stage1Order(slot) == entry.stage1Order()
        && tlb.isGlobal(slot) == entry.global()
        && tlb.attributes(slot) == entry.attributes();
  }

  private void compareContents() {
    assertThat(tlb.size()).isEqualTo(model.size());
    List<String> actual = new ArrayList<>();
    tlb.forEach(
        (va, asid, frame, attributes) ->
            actual.add(
                describe(
                    va,
                    asid,
                    Translation.stage1Order(frame),
                    Translation.order(frame),
                    Translation.pfn(frame),
                    attributes)));
    assertThat(actual)
        .containsExactlyInAnyOrderElementsOf(
            model.stream()
                .map(
                    e ->
                        describe(
                            e.va(),
                            e.global() ? -1 : e.asid(),
                            e.stage1Order(),
                            e.order(),
                            e.pfn(),
                            e.attributes()))
                .toList());
  }

  private static String describe(
      long va, int asid, int stage1Order, int order, long pfn, long attributes) {
    return "va=%x asid=%d stage1=%d order=%d pfn=%x attributes=%d"
        .formatted(va, asid, stage1Order, order, pfn, attributes);
  }

  private static boolean hits(TlbInvalidation invalidation, Entry entry) {
    return switch (invalidation) {
      case TlbInvalidation.All all -> true;
      case TlbInvalidation.AllStage1 all -> true;
      case TlbInvalidation.GuestPhysical physical -> true;
      case TlbInvalidation.AllNonGlobal locals -> !entry.global();
      case TlbInvalidation.Asid space -> !entry.global() && entry.asid() == space.asid();
      case TlbInvalidation.Page page ->
          (entry.global() ? page.global() : entry.asid() == page.asid())
              && entry.meets(page.va(), page.va());
      case TlbInvalidation.PageEveryAsid page -> entry.meets(page.va(), page.va());
      case TlbInvalidation.Range range ->
          (entry.global() || range.asid() < 0 || entry.asid() == range.asid())
              && range.bytes() > 0
              && entry.meets(range.va(), range.va() + range.bytes() - 1);
    };
  }

  private static TlbInvalidation invalidation(Random random) {
    int asid = random.nextInt(4);
    boolean flag = random.nextBoolean();
    return switch (random.nextInt(20)) {
      case 0 -> new TlbInvalidation.All();
      case 1 -> new TlbInvalidation.AllNonGlobal();
      case 2, 3 -> new TlbInvalidation.Asid(asid);
      case 4 -> new TlbInvalidation.GuestPhysical(0, 4096);
      case 5, 6, 7 -> new TlbInvalidation.PageEveryAsid(address(random), flag);
      case 8, 9, 10, 11 ->
          new TlbInvalidation.Range(address(random), random.nextInt(64) * 4096L, asid - 1, flag);
      default -> new TlbInvalidation.Page(address(random), asid, flag, !flag);
    };
  }

  /** A few dozen pages at both ends and in the middle, so that operations meet. */
  private static long address(Random random) {
    long[] bases = {0, 0x4000_0000L, 0xffff_8000_0000_0000L, 0xffff_ffff_c000_0000L};
    long page = random.nextInt(8) == 0 ? random.nextInt(1 << 18) : random.nextInt(96);
    return bases[random.nextInt(bases.length)] + (page << 12) + random.nextInt(4096);
  }
}
