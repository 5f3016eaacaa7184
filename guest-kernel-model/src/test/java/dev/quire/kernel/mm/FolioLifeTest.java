package dev.quire.kernel.mm;

import static dev.quire.kernel.mm.TestKernel.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.VmEvent;
import org.junit.jupiter.api.Test;

/** What becomes of large folios: split, shared, moved, collapsed; by hand from Linux v6.18. */
class FolioLifeTest {
  @Test
  void aSplitMapsPagesOfZerosToTheZeroPageAndFreesThem() {
    TestKernel test = TestKernel.of(4);
    test.map(0, 16, READ_WRITE);
    test.write(3, 1);
    test.process.touch(TestKernel.at(4), true, 0);
    long free = test.free();
    test.advise(0, 1, Mman.MADV_FREE);
    assertThat(test.page(3).kind()).isEqualTo(PageReport.Kind.ANON);
    assertThat(test.page(3).order()).isZero();
    assertThat(test.page(4).kind()).as("a stored zero is none").isEqualTo(PageReport.Kind.ZERO);
    assertThat(test.free()).isEqualTo(free + 15);
    assertThat(test.process.anonPages()).isEqualTo(1);
  }

  @Test
  void aLockedFolioKeepsItsPagesOfZeros() {
    TestKernel test = TestKernel.of(4);
    test.map(0, 16, READ_WRITE);
    test.process.mlock(TestKernel.at(0), TestKernel.bytes(16));
    test.process.munlock(TestKernel.at(0), TestKernel.bytes(8));
    test.advise(0, 8, Mman.MADV_FREE);
    assertThat(test.page(9).kind()).isEqualTo(PageReport.Kind.ANON);
  }

  @Test
  void aPartlyUnmappedFolioIsQueuedOnceAndKeepsItsFrames() {
    TestKernel test = TestKernel.of(4);
    test.map(0, 16, READ_WRITE);
    test.write(0, 1);
    long free = test.free();
    test.unmap(0, 4);
    test.unmap(8, 4);
    assertThat(test.free()).isEqualTo(free);
    assertThat(test.kernel.counters().snapshot().of(4, MthpStat.SPLIT_DEFERRED)).isEqualTo(1);
    test.unmap(0, 16);
    assertThat(test.free()).as("folio and page table").isGreaterThanOrEqualTo(free + 16);
    assertThat(test.kernel.folios().deferred().size()).isZero();
  }

  @Test
  void aChildsWriteCopiesOnePageOfASharedFolio() {
    TestKernel test = TestKernel.of(4);
    test.map(0, 16, READ_WRITE);
    test.write(0, 16);
    Process child = test.process.fork();
    child.touch(TestKernel.at(2), true);
    assertThat(test.page(2).mapCount()).isEqualTo(1);
    assertThat(test.page(3).mapCount()).isEqualTo(2);
    child.exit();
    long reused = test.kernel.counters().snapshot().of(VmEvent.PGREUSE);
    long first = test.page(0).pfn();
    test.write(0, 16);
    assertThat(test.page(0).pfn()).isEqualTo(first);
    assertThat(test.kernel.counters().snapshot().of(VmEvent.PGREUSE) - reused).isEqualTo(16);
  }

  @Test
  void aHugePageMovesWholeWhereBothEndsAreAligned() {
    TestKernel test = TestKernel.of(9);
    test.map(0, 512, READ_WRITE);
    test.write(0, 1);
    long page = test.page(0).pfn();
    test.move(0, 512, 1024, 0);
    assertThat(test.page(1024).pfn()).isEqualTo(page);
    assertThat(test.page(1024).huge()).isTrue();
    assertThat(test.kernel.counters().snapshot().of(VmEvent.THP_SPLIT_PMD)).isZero();
    test.move(1024, 512, 2051, 0);
    assertThat(test.page(2051).pfn()).isEqualTo(page);
    assertThat(test.page(2051).huge()).isFalse();
    assertThat(test.page(2051).order()).isEqualTo(9);
    assertThat(test.kernel.counters().snapshot().of(VmEvent.THP_SPLIT_PMD)).isEqualTo(1);
  }

  @Test
  void aBorderInsideAHugePageSplitsItsPmd() {
    TestKernel test = TestKernel.of(9);
    test.map(0, 1024, READ_WRITE);
    test.write(0, 1);
    test.protect(100, 4, Mman.PROT_READ);
    assertThat(test.page(0).huge()).isFalse();
    assertThat(test.orders(90, 20)).containsOnly(9);
    assertThat(test.process.touch(TestKernel.at(101), true)).isEqualTo(UserSignal.SEGV_ACCERR);
    assertThat(test.process.touch(TestKernel.at(104), true)).isZero();
  }

  @Test
  void collapseCopiesATableIntoOneHugePage() {
    TestKernel test = TestKernel.of(2);
    test.map(0, 1024, READ_WRITE);
    assertThat(test.advise(0, 512, Mman.MADV_COLLAPSE)).as("no anon_vma").isEqualTo(-Errno.EINVAL);
    test.write(0, 1);
    test.write(300, 1);
    assertThat(test.advise(0, 512, Mman.MADV_COLLAPSE)).isZero();
    assertThat(test.page(0).huge()).isTrue();
    assertThat(test.process.anonPages()).isEqualTo(512);
    assertThat(test.kernel.counters().snapshot().of(2, MthpStat.NR_ANON)).isZero();
    assertThat(test.advise(512, 512, Mman.MADV_COLLAPSE))
        .as("nothing is there")
        .isEqualTo(-Errno.EINVAL);
    test.advise(7, 1, Mman.MADV_FREE);
    assertThat(test.page(7).order()).isZero();
    assertThat(test.page(8).kind()).as("filled with zeros").isEqualTo(PageReport.Kind.ZERO);
    assertThat(test.page(300).kind()).isEqualTo(PageReport.Kind.ANON);
  }

  @Test
  void discardingAWholeTableLetsAHugePageInAgain() {
    TestKernel test = TestKernel.of(9);
    test.map(0, 512, READ_WRITE);
    test.write(0, 1);
    test.advise(3, 1, Mman.MADV_DONTNEED);
    int tables = test.process.pageTables();
    test.advise(0, 512, Mman.MADV_DONTNEED);
    assertThat(test.process.pageTables()).as("x86-64 frees the empty table").isEqualTo(tables - 1);
    test.write(3, 1);
    assertThat(test.page(0).huge()).isTrue();
  }

  @Test
  void guardsEndAccessesAndOutlastDontneed() {
    TestKernel test = TestKernel.of(9);
    test.map(0, 512, READ_WRITE);
    test.write(0, 1);
    test.advise(10, 2, Mman.MADV_GUARD_INSTALL);
    assertThat(test.process.touch(TestKernel.at(11), false)).isEqualTo(UserSignal.SEGV_MAPERR);
    test.advise(0, 512, Mman.MADV_DONTNEED);
    assertThat(test.process.touch(TestKernel.at(10), false)).isEqualTo(UserSignal.SEGV_MAPERR);
    assertThat(test.advise(0, 512, Mman.MADV_POPULATE_READ)).isEqualTo(-Errno.EFAULT);
    Process child = test.process.fork();
    assertThat(child.touch(TestKernel.at(10), false)).isEqualTo(UserSignal.SEGV_MAPERR);
    test.advise(0, 512, Mman.MADV_GUARD_REMOVE);
    assertThat(test.process.touch(TestKernel.at(10), false)).isZero();
  }

  @Test
  void pagingOutWithoutSwapTakesOnlyWhatWasFreedLazilyAndNotWrittenSince() {
    TestKernel test = TestKernel.of();
    test.map(0, 8, READ_WRITE);
    test.write(0, 8);
    test.advise(0, 4, Mman.MADV_FREE);
    test.process.touch(TestKernel.at(0), false);
    test.write(2, 1);
    long free = test.free();
    assertThat(test.advise(0, 8, Mman.MADV_PAGEOUT)).isZero();
    assertThat(test.orders(0, 8)).containsExactly(-1, -1, 0, -1, 0, 0, 0, 0);
    assertThat(test.free()).isEqualTo(free + 3);
    test.advise(0, 8, Mman.MADV_PAGEOUT);
    assertThat(test.page(2)).as("written to: an ordinary page again").isNotNull();
  }

  @Test
  void aLazilyFreedHugePageIsPagedOutByItsPtes() {
    TestKernel test = TestKernel.of(9);
    test.map(0, 512, READ_WRITE);
    test.write(0, 1);
    test.advise(0, 512, Mman.MADV_FREE);
    test.advise(0, 512, Mman.MADV_PAGEOUT);
    assertThat(test.process.anonPages()).isZero();
    assertThat(test.kernel.counters().snapshot().of(VmEvent.THP_SPLIT_PMD)).isEqualTo(1);
    assertThat(test.kernel.counters().snapshot().of(VmEvent.THP_SPLIT_PAGE)).isZero();
    assertThat(test.kernel.counters().snapshot().of(9, MthpStat.NR_ANON)).isZero();
  }
}
