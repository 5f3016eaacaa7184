package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.tlb.TestGeometries.Machine;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each invalidation against each cache of translations: what must go goes, what must stay stays. A
 * page of ASID 1 in VMID 3 lies in the cache; an address that it falls with is invalidated.
 */
class StaleEntryTest {
  private static final long VA = 0x7f12_3460_0000L;
  private static final long FAR = 1L << 32;
  private static final int ASID = 1;
  private static final int VMID = 3;

  /** Where the entry lies, and the address in it that is invalidated. */
  enum Cache {
    /** The repeated access alone would answer. */
    LAST_PAGE(0, TestGeometries.withoutWalkCaches(), page -> page) {
      @Override
      void settle(Machine machine, boolean global) {}
    },
    L1(0, TestGeometries.withoutWalkCaches(), page -> page),
    L1_FULLY_ASSOCIATIVE(
        0,
        TestGeometries.of(
            List.of(TlbArray.of("d", 72, 72, List.of(0), TestGeometries.DATA)),
            List.of(),
            CoalescingPolicy.NONE),
        page -> page),
    /** L1 has one entry, for another page. */
    L2(0, withL2(List.of(0), CoalescingPolicy.NONE), page -> page),
    /** L1 and L2 hold 4 KiB parts of a 2 MiB page. */
    FRAGMENTS_OF_A_LARGE_PAGE(
        0x12_3000, withL2(List.of(0), CoalescingPolicy.NONE), page -> page.stage1(9, 0)) {
      @Override
      void settle(Machine machine, boolean global) {
        machine.walks(page(VA, global), (VA >>> 12) + 5);
      }
    },
    /** A 2 MiB page of the guest on small pages of the host. */
    FRACTURED_BY_STAGE_2(
        0x12_3000,
        withL2(List.of(0, 9), CoalescingPolicy.NONE),
        page -> page.stage1(9, 0).stage2(0, 0)),
    CONTIGUOUS_GROUP(
        0xf000, withL2(List.of(0, 4), CoalescingPolicy.CONTIGUOUS_BIT), page -> page.stage1(0, 4)),
    AGGREGATED(
        0x3000,
        withL2(List.of(0), CoalescingPolicy.aggregation(4)),
        page -> page.neighbours(page.pfn(), 0xff)),
    /** Pages 0 to 2 of the group. */
    RUN(
        0x2000,
        withL2(List.of(0), CoalescingPolicy.coltSa(8)),
        page -> page.neighbours(page.pfn(), 0b1000_0111));

    /** From the page accessed to the address invalidated. */
    final long offset;

    final TlbGeometry geometry;
    private final UnaryOperator<TestPages> shape;

    Cache(long offset, TlbGeometry geometry, UnaryOperator<TestPages> shape) {
      this.offset = offset;
      this.geometry = geometry;
      this.shape = shape;
    }

    ReferencePage page(long va, boolean global) {
      TestPages page = TestPages.at(va);
      return shape.apply(global ? page.asGlobal() : page).page();
    }

    /** Makes the entry lie in this cache and nowhere nearer. */
    void settle(Machine machine, boolean global) {
      machine.walks(page(VA + FAR, global));
    }

    private static TlbGeometry withL2(List<Integer> orders, CoalescingPolicy coalescing) {
      return TestGeometries.of(
          List.of(TlbArray.of("d", 1, 1, orders, TestGeometries.DATA)),
          List.of(TlbArray.of("l2", 64, 4, orders, TestGeometries.ALL)),
          coalescing);
    }
  }

  /** An invalidation; whether it hits a page of the address space, and whether a global one. */
  record Case(TlbInvalidation invalidation, boolean local, boolean global) {}

  private static List<Case> cases(long va) {
    long away = va + (1L << 30);
    return List.of(
        new Case(new TlbInvalidation.All(), true, true),
        new Case(new TlbInvalidation.AllStage1(), true, true),
        new Case(new TlbInvalidation.AllNonGlobal(), true, false),
        new Case(new TlbInvalidation.Asid(ASID), true, false),
        new Case(new TlbInvalidation.Asid(ASID + 1), false, false),
        new Case(new TlbInvalidation.Page(va, ASID, true, false), true, true),
        new Case(new TlbInvalidation.Page(va, ASID, true, true), true, true),
        new Case(new TlbInvalidation.Page(va, ASID, false, false), true, false),
        new Case(new TlbInvalidation.Page(va, ASID + 1, true, true), false, true),
        new Case(new TlbInvalidation.Page(va, ASID + 1, false, true), false, false),
        new Case(new TlbInvalidation.Page(away, ASID, true, false), false, false),
        new Case(new TlbInvalidation.PageEveryAsid(va, false), true, true),
        new Case(new TlbInvalidation.PageEveryAsid(va, true), true, true),
        new Case(new TlbInvalidation.PageEveryAsid(away, false), false, false),
        new Case(new TlbInvalidation.Range(va - 0x1000, 0x2000, ASID, false), true, true),
        new Case(new TlbInvalidation.Range(va, 0x1000, -1, true), true, true),
        new Case(new TlbInvalidation.Range(va, 0x1000, ASID + 1, true), false, true),
        new Case(new TlbInvalidation.Range(va, 0, -1, true), false, false),
        new Case(new TlbInvalidation.Range(va + FAR, 0x1000, -1, true), false, false),
        new Case(new TlbInvalidation.Range(va, -va, -1, true), true, true));
  }

  static List<Arguments> all() {
    List<Arguments> arguments = new ArrayList<>();
    for (Cache cache : Cache.values()) {
      for (Case one : cases(VA + cache.offset)) {
        arguments.add(Arguments.of(cache, one));
      }
    }
    return arguments;
  }

  @ParameterizedTest
  @MethodSource("all")
  void pageOfTheAddressSpace(Cache cache, Case one) {
    assertThat(walksAfter(cache, one.invalidation, false)).isEqualTo(one.local);
  }

  @ParameterizedTest
  @MethodSource("all")
  void globalPage(Cache cache, Case one) {
    assertThat(walksAfter(cache, one.invalidation, true)).isEqualTo(one.global);
  }

  private static boolean walksAfter(Cache cache, TlbInvalidation invalidation, boolean global) {
    Machine machine = filled(cache, global);
    machine.invalidate(invalidation);
    return machine.walks(cache.page(VA, global));
  }

  private static Machine filled(Cache cache, boolean global) {
    Machine machine = new Machine(cache.geometry).in(ASID, VMID);
    assertThat(machine.walks(cache.page(VA, global))).isTrue();
    cache.settle(machine, global);
    assertThat(machine.tlb.counters().snapshot().accesses()).isPositive();
    return machine;
  }

  /** That the tests above would see a stale entry: without an invalidation nothing walks. */
  @ParameterizedTest
  @EnumSource(Cache.class)
  void staysWithoutAnInvalidation(Cache cache) {
    assertThat(filled(cache, false).walks(cache.page(VA, false))).isFalse();
  }

  @ParameterizedTest
  @EnumSource(Cache.class)
  void staysInAnotherMachine(Cache cache) {
    Machine machine = filled(cache, false);
    machine.in(ASID, VMID + 1);
    for (Case one : cases(VA + cache.offset)) {
      if (!(one.invalidation instanceof TlbInvalidation.All)) {
        machine.invalidate(one.invalidation);
      }
    }
    assertThat(machine.in(ASID, VMID).walks(cache.page(VA, false))).isFalse();
  }

  @ParameterizedTest
  @EnumSource(Cache.class)
  void anotherAddressSpaceDoesNotSeeIt(Cache cache) {
    Machine machine = filled(cache, false).in(ASID + 1, VMID);
    assertThat(machine.walks(cache.page(VA, false))).isTrue();
    assertThat(machine.in(ASID + 1, VMID + 1).walks(cache.page(VA, false))).isTrue();
  }

  @ParameterizedTest
  @EnumSource(Cache.class)
  void globalPageIsSeenEverywhereInItsMachine(Cache cache) {
    Machine machine = filled(cache, true).in(ASID + 1, VMID);
    assertThat(machine.walks(cache.page(VA, true))).isFalse();
    assertThat(machine.in(ASID, VMID + 1).walks(cache.page(VA, true))).isTrue();
  }

  @ParameterizedTest
  @EnumSource(Cache.class)
  void goesWhenThePageIsReplaced(Cache cache) {
    Machine machine = filled(cache, false);
    machine.tlb.replace(cache.page(VA, false).addTo(machine.pages, ASID));
    assertThat(machine.walks(cache.page(VA, false))).isTrue();
  }

  /** A page of the group that the run does not cover falls with nothing. */
  @Test
  void runStaysWhenAPageBesideItGoes() {
    Machine machine = filled(Cache.RUN, false);
    machine.invalidate(new TlbInvalidation.Page(VA + 0x3000, ASID, true, false));
    assertThat(machine.walks(Cache.RUN.page(VA, false))).isFalse();
  }

  static List<Arguments> secondStage() {
    List<Arguments> arguments = new ArrayList<>();
    for (Cache cache : Cache.values()) {
      long gpa = TestPages.gpaOf(VA);
      arguments.add(Arguments.of(cache, new TlbInvalidation.GuestPhysical(gpa, 0x1000), true));
      arguments.add(Arguments.of(cache, new TlbInvalidation.GuestPhysical(0, 1L << 52), true));
      arguments.add(Arguments.of(cache, new TlbInvalidation.GuestPhysical(gpa, 0), false));
    }
    return arguments;
  }

  /** Combined entries fall with the second-stage leaf that they were made of. */
  @ParameterizedTest
  @MethodSource("secondStage")
  void combinedEntry(Cache cache, TlbInvalidation invalidation, boolean goes) {
    Machine machine = new Machine(cache.geometry).in(ASID, VMID);
    ReferencePage page = nested(cache);
    machine.walks(page);
    assertThat(machine.walks(page)).isFalse();
    machine.invalidate(invalidation);
    assertThat(machine.walks(page)).isEqualTo(goes);
  }

  /** Pages put together by their physical addresses may come from anywhere in guest memory. */
  @ParameterizedTest
  @EnumSource(Cache.class)
  void otherGuestMemory(Cache cache) {
    Machine machine = new Machine(cache.geometry).in(ASID, VMID);
    ReferencePage page = nested(cache);
    machine.walks(page);
    long elsewhere = TestPages.gpaOf(VA) + (1L << 30);
    machine.invalidate(new TlbInvalidation.GuestPhysical(elsewhere, 0x1000));
    assertThat(machine.walks(page)).isEqualTo(cache == Cache.AGGREGATED || cache == Cache.RUN);
  }

  /** What no second stage had a part in stays. */
  @ParameterizedTest
  @EnumSource(Cache.class)
  void entryWithoutASecondStage(Cache cache) {
    if (cache != Cache.FRACTURED_BY_STAGE_2) {
      Machine machine = filled(cache, false);
      machine.invalidate(new TlbInvalidation.GuestPhysical(0, 1L << 52));
      assertThat(machine.walks(cache.page(VA, false))).isFalse();
    }
  }

  private static ReferencePage nested(Cache cache) {
    ReferencePage page = cache.page(VA, false);
    return new ReferencePage(
        page.va(),
        false,
        page.stage1Order(),
        page.stage1Group(),
        9,
        0,
        page.gpa(),
        page.pfn(),
        page.neighbours(),
        page.steps(),
        3);
  }
}
