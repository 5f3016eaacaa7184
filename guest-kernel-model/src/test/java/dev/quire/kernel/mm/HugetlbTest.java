package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.page.HugetlbPool;
import dev.quire.mmu.FakeKernelPteFormat;
import org.junit.jupiter.api.Test;

class HugetlbTest {
  private static final int MAP_ANON = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED;
  private static final int HUGE = 512;

  private final TestKernel test = TestKernel.of();
  private final Kernel kernel = test.kernel;
  private final Process process = test.process;
  private final HugetlbPool pool = kernel.hugetlb().defaultSize().pool();

  HugetlbTest() {
    kernel.setFileSystems(ModelledFiles.of(kernel));
  }

  private long map(int page, int pages, OpenFile file, int type) {
    int flags = type | Mman.MAP_FIXED;
    return process.mmap(
        TestKernel.at(page), TestKernel.bytes(pages), TestKernel.READ_WRITE, flags, file, 0);
  }

  private long mapAnon(int page, int pages, int flags) {
    return process.mmap(
        TestKernel.at(page),
        TestKernel.bytes(pages),
        TestKernel.READ_WRITE,
        MAP_ANON | Mman.MAP_HUGETLB | flags,
        null,
        0);
  }

  private int write(Process who, int page) {
    return who.touch(TestKernel.at(page), true);
  }

  /** free, reserved, surplus, total. */
  private void poolIs(long free, long reserved, long surplus, long total) {
    assertThat(new long[] {pool.free(), pool.reserved(), pool.surplus(), pool.total()})
        .containsExactly(free, reserved, surplus, total);
  }

  @Test
  void aSharedFileReservesAtMmapAndKeepsItsPages() {
    pool.resize(4);
    OpenFile file = process.open(FileKind.HUGETLB, 3 * HUGE);
    assertThat(map(0, 2 * HUGE, file, Mman.MAP_SHARED)).isEqualTo(TestKernel.at(0));
    poolIs(4, 2, 0, 4);
    assertThat(write(process, 5)).isEqualTo(UserSignal.NONE);
    poolIs(3, 1, 0, 4);
    assertThat(test.page(7).kind()).isEqualTo(PageReport.Kind.HUGETLB);
    assertThat(process.hugetlbPages()).isEqualTo(HUGE);
    assertThat(process.minorFaults()).isEqualTo(1);
    assertThat(process.munmap(TestKernel.at(0), TestKernel.bytes(2 * HUGE))).isZero();
    // The file keeps what was allocated and what was reserved for it.
    poolIs(3, 1, 0, 4);
    file.put();
    poolIs(4, 0, 0, 4);
  }

  @Test
  void surplusPagesComeAndGo() {
    pool.allowSurplus(2);
    long before = test.free();
    assertThat(mapAnon(0, 2 * HUGE, 0)).isEqualTo(TestKernel.at(0));
    poolIs(2, 2, 2, 2);
    assertThat(mapAnon(4 * HUGE, HUGE, 0)).isEqualTo(-Errno.ENOMEM);
    assertThat(write(process, 0)).isEqualTo(UserSignal.NONE);
    poolIs(1, 1, 2, 2);
    process.munmap(TestKernel.at(0), TestKernel.bytes(2 * HUGE));
    poolIs(0, 0, 0, 0);
    assertThat(test.free()).isEqualTo(before);
  }

  @Test
  void withoutReservationTheFaultFindsThePoolEmpty() {
    pool.resize(1);
    assertThat(mapAnon(0, 2 * HUGE, Mman.MAP_NORESERVE)).isEqualTo(TestKernel.at(0));
    poolIs(1, 0, 0, 1);
    assertThat(write(process, 0)).isEqualTo(UserSignal.NONE);
    assertThat(write(process, HUGE)).isEqualTo(UserSignal.BUS_ADRERR);
  }

  @Test
  void aPrivateMappingCopiesOnWriteAfterFork() {
    pool.resize(3);
    mapAnon(0, HUGE, 0);
    write(process, 0);
    long parentPage = test.page(0).pfn();
    Process child = process.fork();
    assertThat(test.page(0).mapCount()).isEqualTo(2);
    assertThat(write(child, 1)).isEqualTo(UserSignal.NONE);
    assertThat(test.page(0).pfn()).isEqualTo(parentPage);
    assertThat(test.page(0).mapCount()).isEqualTo(1);
    poolIs(1, 0, 0, 3);
    write(process, 3);
    assertThat(test.page(0).pfn()).isEqualTo(parentPage);
    child.exit();
    poolIs(2, 0, 0, 3);
    process.exit();
    poolIs(3, 0, 0, 3);
  }

  /** unmap_ref_private: the owner's copy is paid by the child. */
  @Test
  void anOwnerWithoutMemoryForItsCopyTakesThePageFromItsChild() {
    pool.resize(1);
    mapAnon(0, HUGE, 0);
    write(process, 0);
    long page = test.page(0).pfn();
    Process child = process.fork();
    assertThat(write(process, 1)).isEqualTo(UserSignal.NONE);
    assertThat(test.page(0).pfn()).isEqualTo(page);
    assertThat(child.touch(TestKernel.at(0), false)).isEqualTo(UserSignal.BUS_ADRERR);
    child.exit();
    process.exit();
    poolIs(1, 0, 0, 1);
  }

  @Test
  void hugePagesAreNeverCut() {
    pool.resize(2);
    mapAnon(0, 2 * HUGE, 0);
    assertThat(process.munmap(TestKernel.at(1), TestKernel.bytes(HUGE))).isEqualTo(-Errno.EINVAL);
    assertThat(test.protect(0, 1, Mman.PROT_READ)).isEqualTo(-Errno.EINVAL);
    assertThat(test.advise(1, HUGE, Mman.MADV_DONTNEED)).isEqualTo(-Errno.EINVAL);
    assertThat(test.advise(0, 100, Mman.MADV_DONTNEED)).isZero();
    assertThat(test.protect(0, HUGE, Mman.PROT_READ)).isZero();
    assertThat(test.mappings()).containsExactly("0+512 r--p", "512+512 rw-p");
  }

  /** One entry of the level above PMDs maps 1 GiB. */
  @Test
  void gigabytePages() {
    KernelConfig config = KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 1L << 20);
    Kernel large = new Kernel(config, new FakeKernelPteFormat());
    large.setFileSystems(ModelledFiles.of(large));
    HugetlbSize size = large.hugetlb().size(1L << 30);
    assertThat(size.level()).isEqualTo(2);
    assertThat(size.pool().resize(2)).isEqualTo(2);
    long before = KernelAudit.inUse(large);
    Process parent = large.spawn();
    int flags = MAP_ANON | Mman.MAP_HUGETLB | 30 << Mman.MAP_HUGE_SHIFT;
    long at = TestKernel.BASE;
    assertThat(parent.mmap(at, 1L << 30, TestKernel.READ_WRITE, flags, null, 0)).isEqualTo(at);
    assertThat(parent.touch(at + (300 << 20), true)).isEqualTo(UserSignal.NONE);
    assertThat(parent.pageTables()).isEqualTo(large.format().hardware().rootLevel() - 1);
    Process child = parent.fork();
    assertThat(child.touch(at + (700 << 20), true)).isEqualTo(UserSignal.NONE);
    assertThat(child.smaps().getFirst().privateHugetlbKb()).isEqualTo(1 << 20);
    assertThat(size.pool().free()).isZero();
    parent.exit();
    child.exit();
    assertThat(size.pool().free()).isEqualTo(2);
    assertThat(KernelAudit.inUse(large)).isEqualTo(before);
  }
}
