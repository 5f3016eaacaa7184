package dev.quire.lab.replay;

import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.Process;
import java.util.Arrays;

/**
 * The memory that scripts call {@code s}, and what they write to files: page i is 0xab all over but
 * for its first byte, which is i + 1.
 */
final class SourceBuffer {
  private static final int PAGE_BYTES = PageRange.PAGE_BYTES;
  private static final int DIFFERENT_PAGES = 256;
  private static final byte FILL = (byte) 0xab;
  private static final byte[][] PAGES = new byte[DIFFERENT_PAGES][];

  static {
    for (int i = 0; i < DIFFERENT_PAGES; i++) {
      PAGES[i] = new byte[PAGE_BYTES];
      Arrays.fill(PAGES[i], FILL);
      PAGES[i][0] = (byte) (i + 1);
    }
  }

  private SourceBuffer() {}

  /** What is in a page of it. */
  static byte[] page(long index) {
    return PAGES[(int) (index % DIFFERENT_PAGES)];
  }

  /** Maps it into a process. */
  static void map(Process process, SessionBytes bytes) {
    long mapped =
        process.mmap(
            PageRange.SOURCE,
            PageRange.SOURCE_BYTES,
            OpParser.PROT_READ | OpParser.PROT_WRITE,
            Mman.MAP_FIXED | Mman.MAP_ANONYMOUS | Mman.MAP_PRIVATE | Mman.MAP_POPULATE,
            null,
            0);
    if (mapped < 0) {
      throw new IllegalStateException("no source buffer: errno " + -mapped);
    }
    process.pagemap(
        PageRange.SOURCE,
        PageRange.SOURCE_BYTES,
        (address, report) ->
            bytes.set(report.pfn(), page((address - PageRange.SOURCE) / PAGE_BYTES)));
  }
}
