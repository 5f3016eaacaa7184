package dev.quire.kernel.mm;

import static dev.quire.kernel.mm.TestKernel.READ_WRITE;
import static dev.quire.kernel.mm.TestKernel.at;
import static dev.quire.kernel.mm.TestKernel.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What calls with bad arguments answer, and that none brings the model down. */
class CallErrorsTest {
  private static final int FIXED = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED;

  /** Little memory: some calls below take what there is for page tables. */
  private final TestKernel test =
      new TestKernel(
          KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 2048)
              .withThp(TestKernel.config(4, 9).thp()));

  private final Process process = test.process;

  @Test
  void mmap() {
    assertThat(process.mmap(at(0), 0, 3, FIXED, null, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(process.mmap(at(0) + 1, 4096, 3, FIXED, null, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(process.mmap(at(0), -1, 3, FIXED, null, 0)).isEqualTo(-Errno.ENOMEM);
    assertThat(process.mmap(-4096, 4096, 3, FIXED, null, 0)).isEqualTo(-Errno.ENOMEM);
    assertThat(process.mmap(at(0), 4096, 3, Mman.MAP_FIXED | Mman.MAP_ANONYMOUS, null, 0))
        .isEqualTo(-Errno.EINVAL);
    assertThat(process.mmap(at(0), 4096, 3, Mman.MAP_FIXED | Mman.MAP_PRIVATE, null, 0))
        .isEqualTo(-Errno.EBADF);
    test.map(0, 4, READ_WRITE);
    int noReplace = FIXED | Mman.MAP_FIXED_NOREPLACE;
    assertThat(process.mmap(at(3), bytes(2), 3, noReplace, null, 0)).isEqualTo(-Errno.EEXIST);
    int anywhere = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
    long small = process.mmap(0, 4096, 3, anywhere, null, 0);
    long huge = process.mmap(0, 4 << 20, 3, anywhere, null, 0);
    assertThat(small).isPositive();
    assertThat(huge & (2 << 20) - 1).as("whole huge pages are aligned").isZero();
    assertThat(huge).isLessThan(small);
  }

  @Test
  void munmap() {
    assertThat(process.munmap(at(0) + 1, 4096)).isEqualTo(-Errno.EINVAL);
    assertThat(process.munmap(at(0), 0)).isEqualTo(-Errno.EINVAL);
    assertThat(process.munmap(at(0), Long.MAX_VALUE)).isEqualTo(-Errno.EINVAL);
    assertThat(process.munmap(at(0), 4096)).as("nothing there").isZero();
  }

  @Test
  void mprotect() {
    test.map(0, 4, READ_WRITE);
    test.map(6, 2, READ_WRITE);
    assertThat(process.mprotect(at(0) + 1, 4096, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(process.mprotect(at(0), 0, 1)).isZero();
    assertThat(process.mprotect(at(0), -4096, 1)).isEqualTo(-Errno.ENOMEM);
    assertThat(process.mprotect(at(0), 4096, 64)).isEqualTo(-Errno.EINVAL);
    assertThat(test.protect(4, 2, 1)).isEqualTo(-Errno.ENOMEM);
    assertThat(test.protect(2, 6, Mman.PROT_READ)).isEqualTo(-Errno.ENOMEM);
    assertThat(test.mappings())
        .as("what lies before the gap has changed")
        .containsExactly("0+2 rw-p", "2+2 r--p", "6+2 rw-p");
  }

  @Test
  void mremap() {
    test.map(0, 4, READ_WRITE);
    int fixed = Mman.MREMAP_MAYMOVE | Mman.MREMAP_FIXED;
    assertThat(process.mremap(at(0), 4096, 0, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(process.mremap(at(0), 4096, 4096, 8, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(process.mremap(at(0), 4096, 4096, Mman.MREMAP_FIXED, at(9)))
        .isEqualTo(-Errno.EINVAL);
    assertThat(process.mremap(at(0), bytes(4), bytes(4), fixed, at(2))).isEqualTo(-Errno.EINVAL);
    assertThat(process.mremap(at(8), 4096, 4096, fixed, at(20))).isEqualTo(-Errno.EFAULT);
    assertThat(process.mremap(at(8), 4096, 8192, 0, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(process.mremap(at(2), bytes(4), bytes(6), Mman.MREMAP_MAYMOVE, 0))
        .as("beyond the mapping")
        .isEqualTo(-Errno.EFAULT);
    assertThat(process.mremap(at(0), 0, 4096, Mman.MREMAP_MAYMOVE, 0)).isEqualTo(-Errno.EINVAL);
    test.map(4, 1, Mman.PROT_READ);
    assertThat(process.mremap(at(0), bytes(4), bytes(6), 0, 0)).isEqualTo(-Errno.ENOMEM);
    test.unmap(4, 1);
    assertThat(process.mremap(at(0), bytes(4), bytes(6), 0, 0)).isEqualTo(at(0));
    assertThat(process.mremap(at(0), bytes(6), bytes(2), 0, 0)).isEqualTo(at(0));
    assertThat(test.mappings()).containsExactly("0+2 rw-p");
  }

  @Test
  void aMoveOfSeveralMappingsKeepsTheGapsBetweenThem() {
    test.map(0, 4, READ_WRITE);
    test.map(6, 2, Mman.PROT_READ);
    assertThat(test.move(0, 8, 100, 0)).isEqualTo(at(100));
    assertThat(test.mappings()).containsExactly("100+4 rw-p", "106+2 r--p");
    assertThat(test.move(104, 4, 200, 0)).as("a gap at the start").isEqualTo(-Errno.EFAULT);
  }

  @Test
  void madvise() {
    test.map(0, 4, READ_WRITE);
    test.map(6, 2, READ_WRITE);
    assertThat(process.madvise(at(0) + 1, 4096, Mman.MADV_DONTNEED)).isEqualTo(-Errno.EINVAL);
    assertThat(process.madvise(at(0), 4096, 77)).isEqualTo(-Errno.EINVAL);
    assertThat(process.madvise(at(0), -1, Mman.MADV_DONTNEED)).isEqualTo(-Errno.EINVAL);
    assertThat(process.madvise(at(0), 0, Mman.MADV_DONTNEED)).isZero();
    assertThat(test.advise(0, 8, Mman.MADV_DONTNEED)).isEqualTo(-Errno.ENOMEM);
    assertThat(test.advise(0, 4, Mman.MADV_REMOVE)).isEqualTo(-Errno.EINVAL);
    test.write(7, 1);
    assertThat(test.advise(0, 8, Mman.MADV_DONTNEED)).isEqualTo(-Errno.ENOMEM);
    assertThat(test.page(7)).as("beyond the gap it works all the same").isNull();
    process.mlock(at(0), 4096);
    assertThat(test.advise(0, 1, Mman.MADV_DONTNEED)).isEqualTo(-Errno.EINVAL);
    assertThat(test.advise(0, 1, Mman.MADV_DONTNEED_LOCKED)).isZero();
    assertThat(test.advise(0, 1, Mman.MADV_COLD)).isEqualTo(-Errno.EINVAL);
    assertThat(test.advise(0, 1, Mman.MADV_GUARD_INSTALL)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void mlockAndMincore() {
    test.map(0, 4, READ_WRITE);
    assertThat(process.mlock(at(2), bytes(4))).isEqualTo(-Errno.ENOMEM);
    assertThat(test.process.smaps()).as("what is there is locked").hasSize(2);
    assertThat(process.mlock(at(0) + 7, 1)).as("rounded to its page").isZero();
    assertThat(process.mlock(at(0), 0)).isZero();
    assertThat(process.mincore(at(0) + 1, 4096, new byte[1])).isEqualTo(-Errno.EINVAL);
    assertThat(process.mincore(at(0), bytes(8), new byte[8])).isEqualTo(-Errno.ENOMEM);
    byte[] in = new byte[4];
    assertThat(process.mincore(at(0), bytes(4), in)).isZero();
    assertThat(in).containsExactly(1, 0, 0, 0);
  }

  @ParameterizedTest
  @ValueSource(
      longs = {0, -1, 1, 4096, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 47, (1L << 47) - 4096})
  void extremeNumbersGetAnAnswer(long extreme) {
    test.map(0, 4, READ_WRITE);
    test.write(0, 4);
    for (long other : new long[] {at(0), extreme, 4096, 0, -4096}) {
      process.munmap(extreme, 1);
      process.mprotect(extreme, other, 1);
      process.mremap(extreme, other, 4096, 3, other);
      process.mremap(at(0), other, extreme, 3, at(60));
      process.mremap(at(0), 4096, 4096, 3, extreme);
      process.mlock(extreme, other);
      process.munlock(other, extreme);
      process.mincore(extreme, other, new byte[4]);
      process.mmap(extreme, other, 3, FIXED, null, 0);
      for (int advice = -1; advice < 110; advice++) {
        process.madvise(extreme, other, advice);
      }
      process.touch(extreme, true);
    }
    process.exit();
  }
}
