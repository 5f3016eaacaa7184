package dev.quire.kernel.filemap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import org.junit.jupiter.api.Test;

/**
 * Folios that reads, writes and truncation leave in the cache of an ext4 file. The orders are what
 * a Linux 6.18.44 with 8 MiB of readahead had.
 */
class Ext4FileTest {
  private static final long PAGE = 4096;

  private final FileMachine machine = new FileMachine();
  private final FrameTable frames = machine.frames();

  private ModelledFile open(long pages) {
    return (ModelledFile) machine.files().open(FileKind.EXT4, pages);
  }

  private String orders(ModelledFile file) {
    StringBuilder text = new StringBuilder();
    long index = -1;
    int order = -1;
    long run = 0;
    for (long folio = file.cache().first(0, Long.MAX_VALUE); folio != PageCache.NONE; ) {
      long at = frames.index(folio);
      if (at == index && frames.order(folio) == order) {
        run++;
      } else {
        append(text, order, run);
        text.append(at == index ? "" : "@" + at + " ");
        order = frames.order(folio);
        run = 1;
      }
      index = at + frames.pages(folio);
      folio = file.cache().first(index, Long.MAX_VALUE);
    }
    append(text, order, run);
    return text.toString().trim();
  }

  private static void append(StringBuilder text, int order, long run) {
    if (run > 0) {
      text.append(run).append('x').append(order).append(' ');
    }
  }

  @Test
  void oneWriteMakesFoliosAsLargeAsItsPlaceAllows() {
    ModelledFile file = open(256);
    assertThat(file.write(3 * PAGE, 200 * PAGE)).isEqualTo(200 * PAGE);
    assertThat(orders(file)).isEqualTo("@3 1x0 1x2 1x3 1x4 1x5 2x6 1x3 1x1 1x0");
  }

  @Test
  void noFolioOfAWriteIsLargerThanAPmd() {
    ModelledFile file = open(0);
    assertThat(file.write(0, 2048 * PAGE)).isEqualTo(2048 * PAGE);
    assertThat(orders(file)).isEqualTo("@0 4x9");
    assertThat(file.size()).isEqualTo(2048 * PAGE);
  }

  private ModelledFile dropped(long pages) {
    ModelledFile file = open(pages);
    file.write(0, pages * PAGE);
    file.fsync();
    assertThat(file.dropCache(0, pages * PAGE)).isZero();
    assertThat(file.cache().pages()).isZero();
    return file;
  }

  @Test
  void pageByPageReadsGrowTheWindowAndItsFolios() {
    ModelledFile file = dropped(1024);
    for (int i = 0; i < 1024; i++) {
      assertThat(file.read(i * PAGE, PAGE)).isEqualTo(PAGE);
    }
    assertThat(orders(file)).isEqualTo("@0 4x0 5x2 1x3 4x4 1x5 4x6 1x7 2x8");
  }

  @Test
  void aReadOfTheWholeFileReadsSinglePages() {
    ModelledFile file = dropped(1024);
    assertThat(file.read(0, 1024 * PAGE)).isEqualTo(1024 * PAGE);
    assertThat(orders(file)).isEqualTo("@0 1024x0");
  }

  @Test
  void readsHereAndThereReadWhatWasAsked() {
    ModelledFile file = dropped(256);
    file.read(5 * PAGE, PAGE);
    file.read(20 * PAGE, 3 * PAGE);
    file.read(100 * PAGE, 10 * PAGE);
    assertThat(orders(file)).isEqualTo("@5 1x0 @20 3x0 @100 10x0");
  }

  @Test
  void twentyPagesReadOneByOneBringInEighty() {
    ModelledFile file = dropped(256);
    for (int i = 0; i < 20; i++) {
      file.read(i * PAGE, PAGE);
    }
    assertThat(file.cache().pages()).isEqualTo(80);
  }

  @Test
  void aHoleInACleanFolioSplitsItRoundTheHole() {
    ModelledFile file = open(256);
    file.write(0, 256 * PAGE);
    file.fsync();
    assertThat(file.fallocate(3, 10 * PAGE, 5 * PAGE)).isZero();
    assertThat(orders(file)).isEqualTo("@0 1x3 1x1 @15 1x0 1x4 1x5 1x6 1x7");
  }

  @Test
  void aSecondSplitFreesTheHolesEnd() {
    ModelledFile file = open(256);
    file.write(0, 256 * PAGE);
    file.fsync();
    file.fallocate(3, 32 * PAGE, 200 * PAGE);
    assertThat(orders(file)).isEqualTo("@0 1x5 @232 2x0 1x1 1x2 1x4");
  }

  @Test
  void aDirtyFolioStaysWholeRoundAHole() {
    ModelledFile file = open(256);
    file.write(0, 256 * PAGE);
    assertThat(file.fallocate(3, 10 * PAGE, 5 * PAGE)).isZero();
    assertThat(orders(file)).isEqualTo("@0 1x8");
    file.fsync();
    assertThat(file.dropCache(10 * PAGE, 100 * PAGE)).isZero();
    assertThat(orders(file)).isEqualTo("@0 1x8");
  }

  @Test
  void truncationOfACleanFolioKeepsWhatLiesBeforeTheEnd() {
    ModelledFile file = open(256);
    file.write(0, 256 * PAGE);
    file.fsync();
    assertThat(file.truncate(100 * PAGE)).isZero();
    assertThat(orders(file)).isEqualTo("@0 1x6 1x5 1x2");
  }

  @Test
  void dirtyFoliosAreWrittenBackAndStayWhereNotAllOfThemIsDropped() {
    ModelledFile file = open(64);
    file.write(0, 64 * PAGE);
    long folio = file.cache().get(0);
    assertThat(frames.is(folio, PageFlag.DIRTY)).isTrue();
    file.dropCache(0, 64 * PAGE);
    assertThat(file.cache().get(0)).isEqualTo(folio);
    assertThat(frames.is(folio, PageFlag.DIRTY)).isFalse();
    file.dropCache(0, 64 * PAGE);
    assertThat(file.cache().pages()).isZero();
  }

  @Test
  void badRangesAreRefused() {
    ModelledFile file = open(8);
    assertThat(file.write(-1, PAGE)).isEqualTo(-Errno.EINVAL);
    assertThat(file.write(Long.MAX_VALUE, PAGE)).isEqualTo(-Errno.EFBIG);
    assertThat(file.fallocate(3, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(file.fallocate(2, 0, PAGE)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(file.truncate(-1)).isEqualTo(-Errno.EINVAL);
    assertThat(file.read(9 * PAGE, PAGE)).isZero();
  }

  @Test
  void aClosedFileGivesAllFramesBack() {
    long free = machine.freePages();
    ModelledFile file = open(300);
    file.write(0, 300 * PAGE);
    file.put();
    assertThat(machine.freePages()).isEqualTo(free);
  }
}
