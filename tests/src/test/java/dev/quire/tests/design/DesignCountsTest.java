package dev.quire.tests.design;

import static dev.quire.kernel.stat.Primitive.CONTPTE_CHECK;
import static dev.quire.kernel.stat.Primitive.CONTPTE_FOLD;
import static dev.quire.kernel.stat.Primitive.CONTPTE_UNFOLD;
import static dev.quire.kernel.stat.Primitive.DEFERRED_SPLIT_QUEUE;
import static dev.quire.kernel.stat.Primitive.DEFERRED_SPLIT_UNQUEUE;
import static dev.quire.kernel.stat.Primitive.FOLIO_LOOKUP;
import static dev.quire.kernel.stat.Primitive.GATHER_BATCH;
import static dev.quire.kernel.stat.Primitive.GATHER_CHUNK;
import static dev.quire.kernel.stat.Primitive.GATHER_ENTRY;
import static dev.quire.kernel.stat.Primitive.LARGE_MAPCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.MAPCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.NR_PAGES_MAPPED_ATOMIC;
import static dev.quire.kernel.stat.Primitive.PTE_BATCH;
import static dev.quire.kernel.stat.Primitive.PTE_CALL;
import static dev.quire.kernel.stat.Primitive.PTE_CLEAR;
import static dev.quire.kernel.stat.Primitive.PTE_PROTECT;
import static dev.quire.kernel.stat.Primitive.PTE_READ;
import static dev.quire.kernel.stat.Primitive.PTE_SET;
import static dev.quire.kernel.stat.Primitive.REFCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.RMAP_CALL;
import static dev.quire.kernel.stat.Primitive.SWAPCACHE_CHECK;
import static dev.quire.kernel.stat.Primitive.TLB_FLUSH;
import static dev.quire.kernel.stat.Primitive.TLB_FLUSH_PAGE;
import static dev.quire.tests.design.FolioWorkload.PAGES;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.contpte.ContPteDesign;
import dev.quire.kernel.gather.GatherDesign;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.rmap.RmapDesign;
import dev.quire.kernel.stat.Primitive;
import dev.quire.tests.design.FolioWorkload.Phase;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What fork and unmapping of a whole kernel count by design and folio size, and that each design
 * changes nothing but its own primitives.
 */
class DesignCountsTest {
  /** The rows of the published tables: 4 KiB to 2 MiB. */
  private static final int[] ORDERS = {0, 2, 3, 4, 5, 6, 7, 8, 9};

  private static FolioWorkload x86(RmapDesign rmap, GatherDesign gather, int order) {
    return new FolioWorkload(FolioWorkload.x86().withRmap(rmap).withGather(gather), order);
  }

  private static FolioWorkload arm64(ContPteDesign design, int order) {
    KernelConfig config =
        FolioWorkload.arm64().withRmap(RmapDesign.LEVELS_BATCHED).withContPte(design);
    return new FolioWorkload(config, order);
  }

  /** A page a call before 6.9, a folio a call since; map counts are a page's in any case. */
  @ParameterizedTest
  @EnumSource
  void forkOfLargeFolios(RmapDesign design) {
    for (int order : ORDERS) {
      FolioWorkload run = x86(design, GatherDesign.RUNS, order);
      int folios = PAGES >> order;
      int calls = design.compareTo(RmapDesign.LEVELS_BATCHED) < 0 ? PAGES : folios;
      boolean large = order > 0;
      assertThat(run.count(Phase.FORK, RMAP_CALL)).isEqualTo(calls);
      assertThat(run.count(Phase.FORK, REFCOUNT_ATOMIC)).isEqualTo(calls);
      assertThat(run.count(Phase.FORK, MAPCOUNT_ATOMIC)).isEqualTo(PAGES);
      assertThat(run.count(Phase.FORK, NR_PAGES_MAPPED_ATOMIC)).isZero();
      assertThat(run.count(Phase.FORK, PTE_READ)).isEqualTo(PAGES);
      assertThat(run.count(Phase.FORK, PTE_SET)).isEqualTo(PAGES);
      assertThat(run.count(Phase.FORK, PTE_PROTECT)).isEqualTo(PAGES);
      assertThat(run.count(Phase.FORK, PTE_BATCH))
          .isEqualTo(large && design.batchesFork() ? folios : 0);
      assertThat(run.count(Phase.FORK, LARGE_MAPCOUNT_ATOMIC))
          .isEqualTo(large && design.compareTo(RmapDesign.TOTAL_MAPCOUNT) >= 0 ? folios : 0);
      assertThat(run.count(Phase.FORK, FOLIO_LOOKUP))
          .isEqualTo(large && design == RmapDesign.COMPOUND_FLAG ? PAGES : 0);
    }
  }

  /** The second half of the memory is unmapped at once, one page of the first copied before. */
  @ParameterizedTest
  @EnumSource
  void munmapOfLargeFolios(GatherDesign design) {
    for (int order : ORDERS) {
      FolioWorkload run = x86(RmapDesign.LEVELS, design, order);
      int pages = PAGES / 2;
      int runs = design.batchesZap() ? pages >> order : pages;
      assertThat(run.count(Phase.MUNMAP_REST, PTE_CLEAR)).isEqualTo(pages);
      assertThat(run.count(Phase.MUNMAP_REST, MAPCOUNT_ATOMIC)).isEqualTo(pages);
      if (design == GatherDesign.RANGES) {
        // The last entry of the bundle of 8 takes one page: that folio ends up in two entries.
        runs = (pages >> order) + (order > 0 && pages >> order > 7 ? 1 : 0);
      }
      assertThat(run.count(Phase.MUNMAP_REST, RMAP_CALL)).isEqualTo(runs);
      assertThat(run.count(Phase.MUNMAP_REST, GATHER_ENTRY)).isEqualTo(runs);
      assertThat(run.count(Phase.MUNMAP_REST, SWAPCACHE_CHECK)).isEqualTo(runs);
      int updates = design == GatherDesign.RANGES ? runs : pages;
      assertThat(run.count(Phase.MUNMAP_REST, NR_PAGES_MAPPED_ATOMIC))
          .isEqualTo(order > 0 ? updates : 0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void remappingAPmdByPtes(RmapDesign design) {
    FolioWorkload run = x86(design, GatherDesign.RUNS, 9);
    assertThat(run.count(Phase.REMAP, RMAP_CALL))
        .isEqualTo(design == RmapDesign.COMPOUND_FLAG ? 2 * 513 : 2 * 2);
    assertThat(run.count(Phase.REMAP, REFCOUNT_ATOMIC)).isEqualTo(2);
    assertThat(run.count(Phase.REMAP, MAPCOUNT_ATOMIC)).isEqualTo(PAGES);
  }

  private static void expectChanges(
      FolioWorkload before, FolioWorkload after, Phase phase, Primitive... expected) {
    Set<Primitive> set = EnumSet.noneOf(Primitive.class);
    Collections.addAll(set, expected);
    assertThat(before.difference(after, phase)).as(phase.name()).isEqualTo(set);
  }

  private static void expectNoChangeBut(
      FolioWorkload before, FolioWorkload after, Phase... phases) {
    for (Phase phase : Phase.values()) {
      if (!Arrays.asList(phases).contains(phase)) {
        expectChanges(before, after, phase);
      }
    }
  }

  @Test
  void theInterfaceOfLevelsSavesLookupsAndTheCallsOfARemap() {
    FolioWorkload before = x86(RmapDesign.COMPOUND_FLAG, GatherDesign.PAGES, 9);
    FolioWorkload after = x86(RmapDesign.LEVELS, GatherDesign.PAGES, 9);
    expectChanges(before, after, Phase.TOUCH);
    expectChanges(before, after, Phase.REMAP, RMAP_CALL, FOLIO_LOOKUP);
    for (Phase phase : EnumSet.range(Phase.FORK, Phase.MUNMAP_REST)) {
      expectChanges(before, after, phase, FOLIO_LOOKUP);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4, 9})
  void forkBatchingChangesForkAlone(int order) {
    FolioWorkload before = x86(RmapDesign.LEVELS, GatherDesign.PAGES, order);
    FolioWorkload after = x86(RmapDesign.LEVELS_BATCHED, GatherDesign.PAGES, order);
    expectChanges(before, after, Phase.FORK, RMAP_CALL, REFCOUNT_ATOMIC, PTE_BATCH);
    expectNoChangeBut(before, after, Phase.FORK);
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 9})
  void zapBatchingChangesUnmappingOfRunsAlone(int order) {
    FolioWorkload before = x86(RmapDesign.LEVELS_BATCHED, GatherDesign.PAGES, order);
    FolioWorkload after = x86(RmapDesign.LEVELS_BATCHED, GatherDesign.RUNS, order);
    Set<Primitive> expected =
        EnumSet.of(RMAP_CALL, REFCOUNT_ATOMIC, PTE_BATCH, GATHER_ENTRY, SWAPCACHE_CHECK);
    Set<Primitive> storage = EnumSet.of(GATHER_BATCH, GATHER_CHUNK);
    for (Phase phase : new Phase[] {Phase.CHILD_EXIT, Phase.MUNMAP_REST}) {
      Set<Primitive> changed = before.difference(after, phase);
      assertThat(changed).containsAll(expected);
      changed.removeAll(expected);
      assertThat(storage).containsAll(changed);
    }
    expectNoChangeBut(before, after, Phase.CHILD_EXIT, Phase.MUNMAP_REST);
  }

  @Test
  void rangesChangeUnmappingAndSpareTheDeferredSplitQueue() {
    FolioWorkload before = x86(RmapDesign.LEVELS, GatherDesign.PAGES, 4);
    FolioWorkload after = x86(RmapDesign.LEVELS, GatherDesign.RANGES, 4);
    expectChanges(
        before,
        after,
        Phase.CHILD_EXIT,
        RMAP_CALL,
        REFCOUNT_ATOMIC,
        GATHER_ENTRY,
        GATHER_BATCH,
        GATHER_CHUNK,
        SWAPCACHE_CHECK);
    assertThat(before.difference(after, Phase.MUNMAP_REST))
        .contains(NR_PAGES_MAPPED_ATOMIC, DEFERRED_SPLIT_QUEUE, DEFERRED_SPLIT_UNQUEUE)
        .doesNotContain(MAPCOUNT_ATOMIC, PTE_CLEAR, PTE_READ, PTE_BATCH, TLB_FLUSH);
  }

  @Test
  void theCountsOfLaterKernelsChangeTheirAtomicsAlone() {
    FolioWorkload batched = x86(RmapDesign.LEVELS_BATCHED, GatherDesign.RUNS, 4);
    FolioWorkload total = x86(RmapDesign.TOTAL_MAPCOUNT, GatherDesign.RUNS, 4);
    FolioWorkload partly = x86(RmapDesign.PARTLY_MAPPED_QUEUE, GatherDesign.RUNS, 4);
    FolioWorkload minimized = x86(RmapDesign.MINIMIZED_NR_MAPPED, GatherDesign.RUNS, 4);
    FolioWorkload owners = x86(RmapDesign.MM_IDS, GatherDesign.RUNS, 4);
    for (Phase phase : EnumSet.range(Phase.FORK, Phase.MUNMAP_REST)) {
      expectChanges(batched, total, phase, LARGE_MAPCOUNT_ATOMIC);
    }
    expectChanges(total, partly, Phase.MUNMAP_REST, DEFERRED_SPLIT_QUEUE, DEFERRED_SPLIT_UNQUEUE);
    expectNoChangeBut(total, partly, Phase.MUNMAP_REST);
    expectChanges(partly, minimized, Phase.MUNMAP_REST, NR_PAGES_MAPPED_ATOMIC);
    expectNoChangeBut(partly, minimized, Phase.MUNMAP_REST);
    expectNoChangeBut(minimized, owners);
  }

  @ParameterizedTest
  @EnumSource
  void designsAreOneForSmallFoliosButForTheRoomOfABatch(RmapDesign design) {
    FolioWorkload first = x86(RmapDesign.COMPOUND_FLAG, GatherDesign.PAGES, 0);
    expectNoChangeBut(first, x86(design, GatherDesign.PAGES, 0));
    FolioWorkload runs = x86(design, GatherDesign.RUNS, 0);
    FolioWorkload ranges = x86(design, GatherDesign.RANGES, 0);
    expectNoChangeBut(first, runs, Phase.CHILD_EXIT, Phase.MUNMAP_REST);
    expectNoChangeBut(first, ranges, Phase.CHILD_EXIT, Phase.MUNMAP_REST);
    for (Phase phase : new Phase[] {Phase.CHILD_EXIT, Phase.MUNMAP_REST}) {
      assertThat(EnumSet.of(GATHER_BATCH, GATHER_CHUNK))
          .containsAll(first.difference(runs, phase))
          .containsAll(first.difference(ranges, phase));
    }
  }

  @Test
  void withoutBatchesEveryGroupIsUnfoldedByForkAndByExit() {
    for (int order : new int[] {4, 9}) {
      FolioWorkload none = arm64(null, order);
      FolioWorkload basic = arm64(ContPteDesign.BASIC, order);
      FolioWorkload batched = arm64(ContPteDesign.BATCHED, order);
      int groups = PAGES / 16;
      // One group of each folio of 512 pages was unfolded by the remapping.
      int unfolded = order == 9 ? 2 : 0;
      assertThat(basic.count(Phase.FORK, CONTPTE_UNFOLD)).isEqualTo(groups - unfolded);
      // The child has all its groups, until it copies a page of one.
      assertThat(basic.count(Phase.COW, CONTPTE_UNFOLD)).isEqualTo(1);
      assertThat(basic.count(Phase.CHILD_EXIT, CONTPTE_UNFOLD)).isEqualTo(groups - 1);
      assertThat(batched.count(Phase.FORK, CONTPTE_UNFOLD)).isZero();
      assertThat(batched.count(Phase.COW, CONTPTE_UNFOLD)).isEqualTo(1);
      assertThat(batched.count(Phase.CHILD_EXIT, CONTPTE_UNFOLD)).isZero();
      assertThat(batched.count(Phase.FORK, PTE_READ)).isLessThan(none.count(Phase.FORK, PTE_READ));
      assertThat(batched.count(Phase.FORK, TLB_FLUSH)).isEqualTo(1);
    }
    expectChanges(
        arm64(null, 4),
        arm64(ContPteDesign.BASIC, 4),
        Phase.FORK,
        PTE_READ,
        CONTPTE_UNFOLD,
        CONTPTE_CHECK,
        PTE_CALL,
        TLB_FLUSH,
        TLB_FLUSH_PAGE);
  }

  @Test
  void inliningSavesCallsAndFoldingBringsGroupsBack() {
    FolioWorkload batched = arm64(ContPteDesign.BATCHED, 9);
    FolioWorkload inline = arm64(ContPteDesign.INLINE, 9);
    FolioWorkload fold = arm64(ContPteDesign.FOLD, 9);
    expectChanges(batched, inline, Phase.TOUCH);
    expectChanges(batched, inline, Phase.FORK, PTE_CALL);
    expectChanges(batched, inline, Phase.CHILD_EXIT);
    assertThat(inline.count(Phase.REMAP, CONTPTE_FOLD)).isZero();
    assertThat(fold.count(Phase.REMAP, CONTPTE_FOLD)).isEqualTo(2);
    assertThat(fold.count(Phase.FORK, PTE_READ)).isLessThan(inline.count(Phase.FORK, PTE_READ));
  }
}
