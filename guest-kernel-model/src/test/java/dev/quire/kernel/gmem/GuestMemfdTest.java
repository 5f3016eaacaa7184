package dev.quire.kernel.gmem;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.filemap.FileMachine;
import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.mm.DefaultLlseek;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.ThpSettings;
import dev.quire.kernel.mm.VmFlags;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** guest_memfd: what its calls refuse, and write populating it in each design. */
class GuestMemfdTest {
  private static final long PAGE = 4096;
  private static final int KEEP = 1;
  private static final int PUNCH = 3;

  private final FileMachine machine = new FileMachine(ThpSettings.NEVER);

  private GuestMemfd open(long pages, GrabDesign write) {
    return new GuestMemfd(
        machine.services(), pages, GuestMemfd.MMAP | GuestMemfd.INIT_SHARED, write);
  }

  @ParameterizedTest
  @EnumSource(GrabDesign.class)
  void writeFillsWholePagesOnce(GrabDesign design) {
    long free = machine.freePages();
    GuestMemfd file = open(1000, design);
    assertThat(file.write(0, 1000 * PAGE)).isEqualTo(1000 * PAGE);
    assertThat(file.cache().pages()).isEqualTo(1000);
    for (int i = 0; i < 1000; i++) {
      assertThat(file.cached(i)).isTrue();
    }
    assertThat(file.write(0, PAGE)).isEqualTo(-Errno.ENOSPC);
    assertThat(file.write(0, 512 * PAGE)).isEqualTo(-Errno.ENOSPC);
    file.put();
    assertThat(machine.freePages()).isEqualTo(free);
  }

  @ParameterizedTest
  @CsvSource({"ONE_BY_ONE, 1000", "BATCHED, 111", "BATCHED_QUERY, 111"})
  void locksAreTakenPerPageOrPerBatch(GrabDesign design, int locks) {
    GuestMemfd file = open(1000, design);
    KernelCounters.Snapshot before = machine.counters().snapshot();
    file.write(0, 1000 * PAGE);
    KernelCounters.Snapshot counted = machine.counters().snapshot().minus(before);
    // Seven batches of 128 and the remaining 104 pages one by one.
    assertThat(counted.of(Primitive.XARRAY_LOCK)).isEqualTo(locks);
    assertThat(counted.of(Primitive.USER_COPY)).isEqualTo(1000);
    assertThat(counted.of(Primitive.PAGE_CLEAR)).isZero();
  }

  @ParameterizedTest
  @EnumSource(GrabDesign.class)
  void writeEndsBeforeAPageThatIsPopulated(GrabDesign design) {
    GuestMemfd file = open(600, design);
    file.write(300 * PAGE, PAGE);
    assertThat(file.write(0, 600 * PAGE)).isEqualTo(300 * PAGE);
    assertThat(file.cached(299)).isTrue();
    assertThat(file.cached(301)).isFalse();
    assertThat(file.write(300 * PAGE, PAGE)).isEqualTo(-Errno.ENOSPC);
  }

  @ParameterizedTest
  @EnumSource(GrabDesign.class)
  void writeGoesOverPagesThatAreAllocatedOnly(GrabDesign design) {
    GuestMemfd file = open(256, design);
    assertThat(file.fallocate(KEEP, 0, 256 * PAGE)).isZero();
    assertThat(file.cached(5)).isFalse();
    assertThat(file.write(0, 256 * PAGE)).isEqualTo(256 * PAGE);
    assertThat(file.cached(5)).isTrue();
  }

  @ParameterizedTest
  @EnumSource(GrabDesign.class)
  void aBrokenPageEndsAWrite(GrabDesign design) {
    GuestMemfd file = open(256, design);
    file.fallocate(KEEP, 0, 256 * PAGE);
    machine.frames().set(file.cache().get(200), PageFlag.HWPOISON);
    assertThat(file.write(0, 256 * PAGE)).isEqualTo(200 * PAGE);
    assertThat(file.write(200 * PAGE, 56 * PAGE)).isEqualTo(-Errno.EFAULT);
  }

  @ParameterizedTest
  @EnumSource(GrabDesign.class)
  void whatTheCallerCannotReadEndsAWrite(GrabDesign design) {
    GuestMemfd file = open(256, design);
    assertThat(file.write(0, 256 * PAGE, (index, page) -> index < 130)).isEqualTo(130 * PAGE);
    assertThat(file.write(130 * PAGE, PAGE, (index, page) -> false)).isEqualTo(-Errno.EINVAL);
    assertThat(file.write(0, PAGE, (index, page) -> false)).isEqualTo(-Errno.ENOSPC);
    assertThat(file.write(130 * PAGE, 126 * PAGE)).isEqualTo(126 * PAGE);
  }

  /** default_llseek, Linux v6.18 fs/read_write.c, once the series set FMODE_LSEEK. */
  @Test
  void seeksWhereItIsWrittenAndTakesAllOfItForData() {
    GuestMemfd file = open(16, GrabDesign.ONE_BY_ONE);
    assertThat(file.llseek(PAGE, -PAGE, DefaultLlseek.SEEK_CUR)).isZero();
    assertThat(file.llseek(0, -PAGE, DefaultLlseek.SEEK_END)).isEqualTo(15 * PAGE);
    assertThat(file.llseek(0, PAGE, DefaultLlseek.SEEK_DATA)).isEqualTo(PAGE);
    assertThat(file.llseek(0, PAGE, DefaultLlseek.SEEK_HOLE)).isEqualTo(16 * PAGE);
    assertThat(file.llseek(0, 16 * PAGE, DefaultLlseek.SEEK_DATA)).isEqualTo(-Errno.ENXIO);
    assertThat(file.llseek(0, -1, DefaultLlseek.SEEK_DATA)).isEqualTo(-Errno.EINVAL);
    assertThat(file.llseek(0, -1, DefaultLlseek.SEEK_HOLE)).isEqualTo(16 * PAGE);
    assertThat(file.llseek(0, -1, DefaultLlseek.SEEK_SET)).isEqualTo(-Errno.EINVAL);
    assertThat(open(16, null).llseek(0, 0, DefaultLlseek.SEEK_CUR)).isEqualTo(-Errno.ESPIPE);
  }

  @Test
  void writeRefusesPartsOfPagesAndWhatLiesBehindTheEnd() {
    GuestMemfd file = open(16, GrabDesign.BATCHED);
    assertThat(file.write(1, PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.write(0, PAGE + 1)).isEqualTo(-Errno.EINVAL);
    assertThat(file.write(15 * PAGE, 2 * PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.write(-PAGE, PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.write(Long.MAX_VALUE - 4095, PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.cache().pages()).isZero();
  }

  @Test
  void withoutAWriteDesignItIsWhatLinux618Ships() {
    GuestMemfd file = open(16, null);
    assertThat(file.write(0, PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.read(0, PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.truncate(8 * PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.fsync()).isEqualTo(-Errno.EINVAL);
    assertThat(file.fallocate(0, 0, PAGE)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(file.fallocate(KEEP | 0x10, 0, PAGE)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(file.fallocate(KEEP, 1, PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.fallocate(KEEP, 0, 17 * PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.fallocate(PUNCH, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(file.fallocate(PUNCH, 100 * PAGE, PAGE)).isZero();
  }

  @Test
  void onlySharedMappingsThatAreNotExecutableAreAllowed() {
    GuestMemfd file = open(16, null);
    long shared = VmFlags.SHARED | VmFlags.READ | VmFlags.WRITE;
    assertThat(file.mmapError(shared, 0, PAGE)).isZero();
    assertThat(file.mmapError(VmFlags.READ, 0, PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.mmapError(shared | VmFlags.EXEC, 0, PAGE)).isEqualTo(-Errno.EPERM);
    GuestMemfd unmappable = new GuestMemfd(machine.services(), 16, 0, null);
    assertThat(unmappable.mmapError(shared, 0, PAGE)).isEqualTo(-Errno.ENODEV);
  }

  @Test
  void aHoleTakesItsPagesAway() {
    GuestMemfd file = open(256, GrabDesign.BATCHED);
    file.write(0, 256 * PAGE);
    assertThat(file.fallocate(PUNCH, 4 * PAGE, 8 * PAGE)).isZero();
    assertThat(file.cache().pages()).isEqualTo(248);
    assertThat(file.cached(4)).isFalse();
    assertThat(file.cached(12)).isTrue();
    assertThat(file.write(4 * PAGE, 8 * PAGE)).isEqualTo(8 * PAGE);
  }
}
