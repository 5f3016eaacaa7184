package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.tlb.TestGeometries.Machine;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each invalidation against walk caches and the nested TLB, in arrays of their own and inside L2,
 * under the rules of both architectures. What stayed is told by the references of the next walk.
 */
class WalkCacheInvalidationTest {
  private static final long VA = 0x7f12_3460_0000L;

  /** In the region of another PDE. */
  private static final long AWAY = VA + (1L << 25);

  private static final int ASID = 1;
  private static final int VMID = 3;

  /** An invalidation, and whether walk-cache entries of the page at VA in ASID 1 fall to it. */
  record Case(TlbInvalidation invalidation, boolean onX86, boolean onArm64) {}

  private static List<Case> cases() {
    return List.of(
        new Case(new TlbInvalidation.All(), true, true),
        new Case(new TlbInvalidation.AllStage1(), true, true),
        new Case(new TlbInvalidation.AllNonGlobal(), true, true),
        new Case(new TlbInvalidation.Asid(ASID), true, true),
        new Case(new TlbInvalidation.Asid(ASID + 1), false, false),
        new Case(new TlbInvalidation.Page(VA, ASID, true, false), true, true),
        // INVLPG: whatever the address, but of its PCID alone. INVPCID: of the address.
        new Case(new TlbInvalidation.Page(AWAY, ASID, true, false), true, false),
        new Case(new TlbInvalidation.Page(AWAY, ASID, false, false), false, false),
        new Case(new TlbInvalidation.Page(VA, ASID, false, false), true, true),
        new Case(new TlbInvalidation.Page(VA, ASID + 1, true, false), false, false),
        new Case(new TlbInvalidation.Page(VA, ASID, true, true), false, false),
        new Case(new TlbInvalidation.PageEveryAsid(VA, false), true, true),
        new Case(new TlbInvalidation.PageEveryAsid(AWAY, false), false, false),
        new Case(new TlbInvalidation.PageEveryAsid(VA, true), false, false),
        new Case(new TlbInvalidation.Range(VA, 0x1000, ASID, false), true, true),
        new Case(new TlbInvalidation.Range(VA, 0x1000, -1, false), true, true),
        new Case(new TlbInvalidation.Range(VA, 0x1000, ASID + 1, false), false, false),
        new Case(new TlbInvalidation.Range(AWAY, 0x1000, -1, false), false, false),
        new Case(new TlbInvalidation.Range(VA, 0x1000, -1, true), false, false));
  }

  static List<Arguments> all() {
    List<Arguments> arguments = new ArrayList<>();
    for (boolean inL2 : new boolean[] {false, true}) {
      for (Case one : cases()) {
        arguments.add(Arguments.of(one, TlbIsa.X86_64, inL2, one.onX86));
        arguments.add(Arguments.of(one, TlbIsa.ARM64, inL2, one.onArm64));
      }
    }
    return arguments;
  }

  /** The PDE is cached: one reference to the leaf alone, or four to all levels. */
  @ParameterizedTest
  @MethodSource("all")
  void walkCache(Case one, TlbIsa isa, boolean inL2, boolean goes) {
    Machine machine = new Machine(geometry(isa, inL2, NestedTlb.NONE)).in(ASID, VMID);
    machine.walk(TestPages.at(VA).page());
    machine.invalidate(one.invalidation);
    assertThat(machine.walk(TestPages.at(VA + 0x1000).page()).references()).isEqualTo(goes ? 4 : 1);
  }

  @ParameterizedTest
  @MethodSource("all")
  void walkCacheOfAnotherMachine(Case one, TlbIsa isa, boolean inL2, boolean goes) {
    if (one.invalidation instanceof TlbInvalidation.All) {
      return;
    }
    Machine machine = new Machine(geometry(isa, inL2, NestedTlb.NONE)).in(ASID, VMID);
    machine.walk(TestPages.at(VA).page());
    machine.in(ASID, VMID + 1).invalidate(one.invalidation).in(ASID, VMID);
    assertThat(machine.walk(TestPages.at(VA + 0x1000).page()).references()).isEqualTo(1);
  }

  /** A walk cache gives the next table's host address: the second stage had a part in it. */
  @ParameterizedTest
  @MethodSource("places")
  void combinedWalkCache(boolean inL2) {
    ReferencePage page = TestPages.at(VA).stage2(0, 0).page();
    ReferencePage next = TestPages.at(VA + 0x1000).stage2(0, 0).page();
    long leafTable = page.steps().get(3).entryGpa();
    for (boolean hits : new boolean[] {true, false}) {
      Machine machine = new Machine(geometry(TlbIsa.X86_64, inL2, NestedTlb.NONE)).in(ASID, VMID);
      machine.walk(page);
      long gpa = hits ? leafTable : leafTable + 0x1000;
      machine.invalidate(new TlbInvalidation.GuestPhysical(gpa, 0x1000));
      assertThat(machine.walk(next).references()).isEqualTo(hits ? 24 : 5);
    }
  }

  static List<Boolean> places() {
    return List.of(false, true);
  }

  static List<Arguments> nestedCases() {
    List<Arguments> arguments = new ArrayList<>();
    for (boolean inL2 : new boolean[] {false, true}) {
      for (Case one : cases()) {
        boolean goes = one.invalidation instanceof TlbInvalidation.All;
        arguments.add(Arguments.of(one.invalidation, inL2, goes ? 24 : 4));
      }
      long gpa = TestPages.gpaOf(VA);
      arguments.add(Arguments.of(new TlbInvalidation.GuestPhysical(gpa, 0x1000), inL2, 8));
      arguments.add(Arguments.of(new TlbInvalidation.GuestPhysical(gpa, 0), inL2, 4));
      arguments.add(Arguments.of(new TlbInvalidation.GuestPhysical(gpa + 0x1000, 0x1000), inL2, 4));
      arguments.add(Arguments.of(new TlbInvalidation.GuestPhysical(0, 1L << 52), inL2, 24));
    }
    return arguments;
  }

  /** Guest-physical translations stay through every stage-1 invalidation. */
  @ParameterizedTest
  @MethodSource("nestedCases")
  void nestedTlb(TlbInvalidation invalidation, boolean inL2, int references) {
    NestedTlb nested = inL2 ? NestedTlb.inL2(0) : NestedTlb.of(64, 4);
    Machine machine =
        new Machine(
                TestGeometries.of(
                    TlbIsa.X86_64,
                    List.of(TlbArray.of("d", 1, 1, List.of(0), TestGeometries.DATA)),
                    List.of(TlbArray.of("l2", 64, 64, List.of(0), TestGeometries.ALL)),
                    List.of(),
                    nested,
                    CoalescingPolicy.NONE))
            .in(ASID, VMID);
    ReferencePage page = TestPages.at(VA).stage2(0, 0).page();
    machine.walk(page);
    machine.invalidate(invalidation);
    machine.invalidate(new TlbInvalidation.AllStage1());
    assertThat(machine.walk(page).references()).isEqualTo(references);
    machine.invalidate(new TlbInvalidation.AllStage1());
    machine.in(ASID, VMID + 1);
    assertThat(machine.walk(page).references()).as("another machine's").isEqualTo(24);
  }

  private static TlbGeometry geometry(TlbIsa isa, boolean inL2, NestedTlb nested) {
    return TestGeometries.of(
        isa,
        List.of(TlbArray.of("d", 1, 1, List.of(0), TestGeometries.DATA)),
        List.of(TlbArray.of("l2", 64, 4, List.of(0), TestGeometries.ALL)),
        List.of(inL2 ? WalkCache.inL2("pde", List.of(1)) : WalkCache.of("pde", List.of(1), 32, 4)),
        nested,
        CoalescingPolicy.NONE);
  }
}
