package dev.quire.kernel.mm;

import static dev.quire.kernel.mm.Mman.MAP_ANONYMOUS;
import static dev.quire.kernel.mm.Mman.MAP_FIXED;
import static dev.quire.kernel.mm.Mman.MAP_HUGETLB;
import static dev.quire.kernel.mm.Mman.MAP_LOCKED;
import static dev.quire.kernel.mm.Mman.MAP_NORESERVE;
import static dev.quire.kernel.mm.Mman.MAP_PRIVATE;
import static dev.quire.kernel.mm.Mman.MAP_SHARED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.page.HugetlbPool;
import org.junit.jupiter.api.Test;

/**
 * What a Linux 6.18.44 on x86-64 answered to the same calls from a C program: results, faults, and
 * the pool's free, reserved, surplus and total pages of 2 MiB (/sys/kernel/mm/hugepages). Each test
 * writes what it saw, a call's result or "free/reserved/surplus/total", between blanks.
 */
class HugetlbLinuxTest {
  private static final long H = 2 << 20;
  private static final long P = 4096;
  private static final int RW = TestKernel.READ_WRITE;
  private static final int ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED;
  private static final int FIXED_SHARED = MAP_SHARED | MAP_FIXED;
  private static final int PUNCH = 3;
  private static final int BUS = UserSignal.BUS_ADRERR;
  private static final int MOVE = Mman.MREMAP_MAYMOVE | Mman.MREMAP_FIXED;

  private final TestKernel test = TestKernel.of();
  private final Process process = test.process;
  private final HugetlbPool pool = test.kernel.hugetlb().defaultSize().pool();
  private final StringBuilder seen = new StringBuilder();

  HugetlbLinuxTest() {
    test.kernel.setFileSystems(ModelledFiles.of(test.kernel));
  }

  private void saw(long result) {
    seen.append(seen.isEmpty() ? "" : " ")
        .append(result >= TestKernel.BASE ? "+" + (result - TestKernel.BASE) / P : result);
  }

  private void pool() {
    seen.append(
        " %d/%d/%d/%d".formatted(pool.free(), pool.reserved(), pool.surplus(), pool.total()));
  }

  private void is(String expected) {
    assertThat(seen.toString().strip()).isEqualTo(expected.strip().replaceAll("\\s+", " "));
    seen.setLength(0);
  }

  private void map(long at, long bytes, int prot, int flags, OpenFile file, long offset) {
    saw(process.mmap(TestKernel.BASE + at, bytes, prot, flags, file, offset));
  }

  private void anon(long at, long bytes) {
    map(at, bytes, RW, ANON, null, 0);
  }

  private void touch(Process who, long at, boolean write) {
    saw(who.touch(TestKernel.BASE + at, write));
  }

  private void write(long at) {
    touch(process, at, true);
  }

  private void read(long at) {
    touch(process, at, false);
  }

  private void unmap(long at, long bytes) {
    saw(process.munmap(TestKernel.BASE + at, bytes));
  }

  private void advise(long at, long bytes, int advice) {
    saw(process.madvise(TestKernel.BASE + at, bytes, advice));
  }

  private void move(long at, long bytes, long newBytes, int flags, long to) {
    saw(process.mremap(TestKernel.BASE + at, bytes, newBytes, flags, to));
  }

  private void reset() {
    process.munmap(TestKernel.BASE, 1L << 36);
  }

  /** Start and pages of each mapping, and its Private_Hugetlb and Shared_Hugetlb in pages. */
  private void mappings() {
    for (VmaReport vma : process.smaps()) {
      assertThat(vma.rssKb()).isZero();
      long start = (vma.start() - TestKernel.BASE) / P;
      long pages = (vma.end() - vma.start()) / P;
      seen.append(
          " [%d+%d %s %d %d %s]"
              .formatted(
                  start,
                  pages,
                  vma.permissions(),
                  vma.privateHugetlbKb() / 2048,
                  vma.sharedHugetlbKb() / 2048,
                  vma.vmFlags()));
    }
  }

  @Test
  void mmap() {
    anon(0, H);
    map(0, H, RW, ANON | MAP_NORESERVE, null, 0);
    write(0);
    read(0);
    is("-12 +0 %d %d".formatted(BUS, BUS));
    reset();
    pool.resize(4);
    anon(P, H);
    anon(0, P);
    mappings();
    pool();
    is("-22 +0 [0+512 rw-p 0 0 rd wr mr mw me de ht] 4/1/0/4");
    reset();
    map(0, H, RW, ANON | 25 << Mman.MAP_HUGE_SHIFT, null, 0);
    map(0, H, RW | Mman.PROT_EXEC, ANON, null, 0);
    reset();
    map(0, H, RW, ANON | MAP_LOCKED, null, 0);
    mappings();
    pool();
    saw(process.munlock(TestKernel.BASE, H));
    saw(process.mlock(TestKernel.BASE, H));
    mappings();
    is(
        """
        -22 +0 +0 [0+512 rw-p 1 0 rd wr mr mw me de ht] 3/0/0/4 0 0
        [0+512 rw-p 1 0 rd wr mr mw me de ht]
        """);
    reset();
    map(0, H, RW, FIXED_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, null, 0);
    mappings();
    is("+0 [0+512 rw-s 0 0 rd wr sh mr mw me ms de ht]");
  }

  @Test
  void files() {
    pool.resize(4);
    OpenFile file = process.open(FileKind.HUGETLB, 4 * 512);
    map(0, H, RW, FIXED_SHARED, file, P);
    map(0, H + P, RW, FIXED_SHARED, file, H);
    mappings();
    pool();
    unmap(P, P);
    unmap(0, P);
    unmap(0, H);
    pool();
    reset();
    pool();
    is(
        """
        -22 +0 [0+1024 rw-s 0 0 rd wr sh mr mw me ms de ht] 4/2/0/4 -22 -22 0 4/2/0/4 4/2/0/4
        """);
    saw(file.truncate(H));
    pool();
    saw(file.truncate(P));
    saw(file.truncate(3 * H));
    saw(file.write(0, 1));
    saw(file.read(0, 10));
    saw(file.read(3 * H - 3, 10));
    saw(file.fsync());
    saw(file.dropCache(0, H));
    is("0 4/0/0/4 -22 0 -22 10 3 0 0");
    saw(file.fallocate(0, 0, P));
    pool();
    saw(file.size());
    saw(file.fallocate(0, 3 * H, P));
    saw(file.size());
    saw(file.fallocate(0x10, 0, H));
    saw(file.fallocate(PUNCH, 0, H - P));
    pool();
    saw(file.fallocate(PUNCH, 0, H));
    pool();
    saw(file.fallocate(1, H, 4 * H));
    pool();
    saw(file.size());
    file.put();
    pool();
    is(
        """
        0 3/0/0/4 6291456 0 6295552 -95 0 2/0/0/4 0 3/0/0/4 0 0/0/0/4 6295552 4/0/0/4
        """);
  }

  @Test
  void privateMemory() {
    pool.resize(4);
    anon(0, 3 * H);
    pool();
    read(0);
    pool();
    write(0);
    saw(process.minorFaults());
    write(H);
    pool();
    advise(0, H, Mman.MADV_DONTNEED);
    pool();
    write(0);
    pool();
    unmap(0, H);
    pool();
    unmap(2 * H, H);
    pool();
    reset();
    pool();
    is(
        """
        +0 4/3/0/4 0 3/2/0/4 0 2 0 2/1/0/4 0 3/2/0/4 0 2/1/0/4 0 3/1/0/4 0 3/0/0/4 4/0/0/4
        """);
  }

  @Test
  void privateMappingsOfAFile() {
    pool.resize(4);
    OpenFile file = process.open(FileKind.HUGETLB, 2 * 512);
    map(0, 2 * H, RW, MAP_PRIVATE | MAP_FIXED, file, 0);
    pool();
    map(4 * H, 2 * H, RW, FIXED_SHARED, file, 0);
    pool();
    write(4 * H);
    long before = process.minorFaults();
    read(0);
    pool();
    write(0);
    saw(process.minorFaults() - before);
    pool();
    before = process.minorFaults();
    write(H);
    saw(process.minorFaults() - before);
    pool();
    write(5 * H);
    pool();
    is(
        """
        +0 4/2/0/4 +2048 4/4/0/4 0 0 3/3/0/4 0 2 2/2/0/4 0 1 1/1/0/4 0 0/0/0/4
        """);
    mappings();
    is(
        """
        [0+1024 rw-p 2 0 rd wr mr mw me de ht] [2048+1024 rw-s 2 0 rd wr sh mr mw me ms de ht]
        """);
    saw(file.fallocate(PUNCH, 0, H));
    pool();
    mappings();
    saw(file.truncate(0));
    pool();
    read(0);
    read(4 * H);
    file.put();
    reset();
    pool();
    is(
        """
        0 2/1/0/4
        [0+1024 rw-p 1 0 rd wr mr mw me de ht] [2048+1024 rw-s 1 0 rd wr sh mr mw me ms de ht]
        0 4/2/0/4 519 519 4/0/0/4
        """);
  }

  @Test
  void fork() {
    pool.resize(4);
    anon(0, 2 * H);
    write(0);
    pool();
    Process child = process.fork();
    touch(child, 0, false);
    touch(child, 0, true);
    pool();
    touch(child, H, true);
    pool();
    write(0);
    pool();
    write(H);
    pool();
    child.exit();
    pool();
    reset();
    pool();
    is(
        """
        +0 0 3/1/0/4 0 0 2/1/0/4 0 1/1/0/4 0 1/1/0/4 0 0/0/0/4 2/0/0/4 4/0/0/4
        """);
  }

  /** What the parent lets go while a child still maps it is unreserved before it was freed. */
  @Test
  void theParentGoesFirst() {
    pool.resize(3);
    anon(0, 2 * H);
    write(0);
    Process child = process.fork();
    advise(0, H, Mman.MADV_DONTNEED);
    pool();
    write(0);
    pool();
    advise(0, H, Mman.MADV_DONTNEED);
    pool();
    unmap(0, 2 * H);
    pool();
    touch(child, 0, false);
    touch(child, 0, true);
    pool();
    child.exit();
    pool();
    is("+0 0 0 2/1/0/3 0 1/0/0/3 0 2/1/0/3 0 2/-1/0/3 0 0 2/-1/0/3 3/0/0/3");
  }

  @Test
  void anOwnerWithoutMemoryForItsCopy() {
    pool.resize(2);
    anon(0, 2 * H);
    write(0);
    write(H);
    Process child = process.fork();
    write(0);
    pool();
    mappings();
    is("+0 0 0 0 0/0/0/2 [0+1024 rw-p 1 1 rd wr mr mw me de ht]");
    touch(child, 0, false);
    touch(child, H, false);
    touch(child, H, true);
    child.exit();
    pool();
    reset();
    pool();
    is("519 0 519 0/0/0/2 2/0/0/2");
  }

  @Test
  void rights() {
    pool.resize(4);
    anon(0, 4 * H);
    write(0);
    write(H);
    saw(process.mprotect(TestKernel.BASE, P, 1));
    saw(process.mprotect(TestKernel.BASE, H, 1));
    write(0);
    read(0);
    long before = process.minorFaults();
    saw(process.mprotect(TestKernel.BASE, H, 3));
    write(0);
    saw(process.minorFaults() - before);
    mappings();
    is(
        """
        +0 0 0 -22 0 523 0 0 0 1
        [0+512 rw-p 1 0 rd wr mr mw me de ht] [512+1536 rw-p 1 0 rd wr mr mw me de ht]
        """);
  }

  @Test
  void advice() {
    pool.resize(4);
    anon(0, 4 * H);
    write(0);
    write(H);
    advise(P, H, Mman.MADV_DONTNEED);
    advise(0, P, Mman.MADV_DONTNEED);
    advise(0, H + P, Mman.MADV_DONTNEED);
    pool();
    is("+0 0 0 -22 0 0 3/3/0/4");
    int[] whole = {
      Mman.MADV_FREE,
      Mman.MADV_COLD,
      Mman.MADV_PAGEOUT,
      Mman.MADV_WILLNEED,
      Mman.MADV_HUGEPAGE,
      Mman.MADV_NOHUGEPAGE,
      Mman.MADV_COLLAPSE,
      Mman.MADV_GUARD_INSTALL,
      Mman.MADV_GUARD_REMOVE,
      Mman.MADV_DONTFORK
    };
    for (int advice : whole) {
      advise(0, H, advice);
    }
    is("-22 -22 -22 0 0 0 -22 -22 -22 0");
    advise(0, H, Mman.MADV_DOFORK);
    advise(0, H, Mman.MADV_DONTDUMP);
    advise(0, H, Mman.MADV_DODUMP);
    advise(0, P, Mman.MADV_DONTDUMP);
    advise(0, H, Mman.MADV_WIPEONFORK);
    advise(0, H, Mman.MADV_MERGEABLE);
    advise(0, P, Mman.MADV_RANDOM);
    advise(0, H, Mman.MADV_REMOVE);
    advise(0, 4 * H, Mman.MADV_POPULATE_WRITE);
    pool();
    is("0 0 0 -22 -22 0 -22 -13 0 0/0/0/4");
    byte[] resident = new byte[2048];
    advise(2 * H, H, Mman.MADV_DONTNEED);
    saw(process.mincore(TestKernel.BASE, 4 * H, resident));
    is("0 0");
    assertThat(new byte[] {resident[0], resident[600], resident[1100], resident[1600]})
        .containsExactly(1, 1, 0, 1);
  }

  @Test
  void mremap() {
    pool.resize(4);
    anon(0, 4 * H);
    process.madvise(TestKernel.BASE, 4 * H, Mman.MADV_POPULATE_WRITE);
    process.madvise(TestKernel.BASE, H, Mman.MADV_NOHUGEPAGE);
    process.madvise(TestKernel.BASE + 2 * H, H, Mman.MADV_DONTNEED);
    move(0, H, 2 * H, Mman.MREMAP_MAYMOVE, 0);
    move(0, P, P, 0, 0);
    move(0, P, 2 * P, 0, 0);
    move(0, 4 * H, 4 * H, MOVE, TestKernel.BASE + 8 * H + P);
    move(0, 2 * H, 2 * H, MOVE, TestKernel.BASE + 8 * H);
    pool();
    is("+0 -22 +0 +0 -22 +4096 1/1/0/4");
    mappings();
    is(
        """
        [1024+1024 rw-p 1 0 rd wr mr mw me de ht] [4096+512 rw-p 1 0 rd wr mr mw me de ht nh]
        [4608+512 rw-p 1 0 rd wr mr mw me de ht]
        """);
    move(8 * H, 2 * H, H, 0, 0);
    pool();
    move(P, H, H, MOVE, TestKernel.BASE + 16 * H);
    move(8 * H, H, H, Mman.MREMAP_MAYMOVE | Mman.MREMAP_DONTUNMAP, 0);
    move(8 * H, H, H, Mman.MREMAP_MAYMOVE, 0);
    move(8 * H, P, P, MOVE, TestKernel.BASE + 20 * H);
    pool();
    reset();
    // Of a mapping that was moved in parts Linux forgets the reservation of the rest.
    pool();
    is("+4096 2/1/0/4 -14 -22 +4096 +10240 2/1/0/4 4/1/0/4");
  }

  @Test
  void surplusPages() {
    pool.resize(1);
    pool.allowSurplus(2);
    anon(0, 4 * H);
    pool();
    anon(0, 3 * H);
    pool();
    write(0);
    write(H);
    pool();
    advise(0, H, Mman.MADV_DONTNEED);
    pool();
    write(0);
    pool();
    write(2 * H);
    pool();
    reset();
    pool();
    is(
        """
        -12 1/0/0/1 +0 3/3/2/3 0 0 1/1/2/3 0 1/1/1/2 0 1/1/2/3 0 0/0/2/3 1/0/0/1
        """);
    map(0, 4 * H, RW, ANON | MAP_NORESERVE, null, 0);
    write(0);
    write(H);
    write(2 * H);
    write(3 * H);
    pool();
    pool.resize(3);
    pool();
    pool.resize(0);
    pool();
    reset();
    pool();
    is("+0 0 0 0 519 0/0/2/3 0/0/0/3 0/0/3/3 0/0/0/0");
  }

  @Test
  void reservationsOfAFile() {
    pool.resize(3);
    OpenFile file = process.open(FileKind.HUGETLB, 4 * 512);
    map(0, 2 * H, RW, FIXED_SHARED, file, 0);
    map(8 * H, 2 * H, 1, FIXED_SHARED, file, H);
    pool();
    map(16 * H, 4 * H, RW, FIXED_SHARED, file, 0);
    pool();
    map(16 * H, 4 * H, RW, FIXED_SHARED | MAP_NORESERVE, file, 0);
    write(19 * H);
    read(8 * H);
    pool();
    is("+0 +4096 3/3/0/3 -12 3/3/0/3 +8192 519 0 2/2/0/3");
    saw(file.fallocate(PUNCH, 0, 4 * H));
    pool();
    saw(file.truncate(0));
    pool();
    map(30 * H, 2 * H, RW, FIXED_SHARED, file, 0);
    saw(file.size());
    file.put();
    reset();
    pool();
    is("0 3/2/0/3 0 3/0/0/3 +15360 4194304 3/0/0/3");
  }
}
