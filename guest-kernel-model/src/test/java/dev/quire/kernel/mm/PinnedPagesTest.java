package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.page.HugetlbPool;
import dev.quire.kernel.stat.VmEvent;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** By hand from Linux v6.18 mm/memory.c (copy_present_page), mm/huge_memory.c, mm/hugetlb.c. */
class PinnedPagesTest {
  private static final int HUGE = 512;

  private static long pfn(Process process, int page) {
    List<PageReport> found = new ArrayList<>();
    process.pagemap(TestKernel.at(page), 4096, (address, report) -> found.add(report));
    return found.getFirst().pfn();
  }

  @Test
  void aForkCopiesThePinnedPageAndSharesTheRest() {
    TestKernel test = TestKernel.of();
    test.map(0, 3, TestKernel.READ_WRITE);
    test.write(0, 3);
    long pinned = test.process.pin(TestKernel.at(1));
    assertThat(pinned).isEqualTo(test.page(1).pfn());
    Process child = test.process.fork();
    assertThat(pfn(child, 0)).isEqualTo(test.page(0).pfn());
    assertThat(pfn(child, 1)).isNotEqualTo(pinned);
    assertThat(test.page(1).mapCount()).isEqualTo(1);
    long faults = test.process.minorFaults();
    test.write(1, 1);
    assertThat(test.process.minorFaults()).isEqualTo(faults);
    assertThat(test.page(1).pfn()).isEqualTo(pinned);
    test.process.unpin(pinned);
    Process second = test.process.fork();
    assertThat(pfn(second, 1)).isEqualTo(pinned);
  }

  /** A process that pins shared pages copies them first. */
  @Test
  void aPinAfterAForkWritesFirst() {
    TestKernel test = TestKernel.of();
    test.map(0, 1, TestKernel.READ_WRITE);
    test.write(0, 1);
    final long shared = test.page(0).pfn();
    Process child = test.process.fork();
    assertThat(test.process.pin(TestKernel.at(0))).isNotEqualTo(shared);
    assertThat(pfn(child, 0)).isEqualTo(shared);
    assertThat(test.process.pin(TestKernel.at(9))).isEqualTo(-Errno.EFAULT);
  }

  /** The huge page is split and all its pages are copied: each may be the pinned one. */
  @Test
  void aForkSplitsAPinnedHugePage() {
    TestKernel test = TestKernel.of(9);
    test.map(0, HUGE, TestKernel.READ_WRITE);
    test.write(0, 1);
    final long free = test.free();
    final long pinned = test.process.pin(TestKernel.at(5));
    final Process child = test.process.fork();
    assertThat(test.kernel.counters().snapshot().of(VmEvent.THP_SPLIT_PMD)).isEqualTo(1);
    assertThat(test.page(5).huge()).isFalse();
    assertThat(test.page(5).pfn()).isEqualTo(pinned);
    assertThat(test.page(5).order()).isEqualTo(9);
    assertThat(pfn(child, 5)).isNotEqualTo(pinned);
    assertThat(child.anonPages()).isEqualTo(HUGE);
    long faults = test.process.minorFaults();
    test.write(0, HUGE);
    assertThat(test.process.minorFaults()).isEqualTo(faults);
    child.exit();
    assertThat(test.free()).isEqualTo(free);
    test.process.unpin(pinned);
    assertThatThrownBy(() -> test.process.unpin(pinned)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aForkCopiesAPinnedHugetlbPage() {
    TestKernel test = TestKernel.of();
    test.kernel.setFileSystems(ModelledFiles.of(test.kernel));
    HugetlbPool pool = test.kernel.hugetlb().defaultSize().pool();
    pool.resize(2);
    int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED | Mman.MAP_HUGETLB;
    test.process.mmap(
        TestKernel.at(0), TestKernel.bytes(HUGE), TestKernel.READ_WRITE, flags, null, 0);
    final long pinned = test.process.pin(TestKernel.at(7));
    Process child = test.process.fork();
    assertThat(pool.free()).isZero();
    assertThat(pfn(child, 7)).isNotEqualTo(pinned);
    // No page for another child.
    assertThat(test.process.fork()).isNull();
    child.exit();
    test.process.unpin(pinned);
    test.process.exit();
    assertThat(pool.free()).isEqualTo(2);
    assertThat(pool.reserved()).isZero();
  }
}
