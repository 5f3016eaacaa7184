package dev.quire.lab.replay;

import dev.quire.kernel.mm.Process;
import java.util.ArrayList;
import java.util.List;

/**
 * What mincore(2) says.
 *
 * @param result 0 or -errno
 * @param runs [page, n] of pages in memory, counted from the range's first; after an error, those
 *     before it
 */
record InCore(long result, List<Object> runs) {
  static InCore of(Process process, PageRange range) {
    long pages = Math.ceilDiv(range.bytes(), PageRange.PAGE_BYTES);
    // What is longer than any script can name reaches beyond user addresses: nothing is filled in.
    byte[] vector = new byte[(int) (pages < 0 || pages > PageRange.MOST_PAGES ? 0 : pages)];
    long result = process.mincore(range.address(), range.bytes(), vector);
    List<Object> runs = new ArrayList<>();
    int start = -1;
    for (int i = 0; i <= vector.length; i++) {
      boolean in = i < vector.length && (vector[i] & 1) != 0;
      if (in && start < 0) {
        start = i;
      } else if (!in && start >= 0) {
        runs.add(List.of((long) start, (long) i - start));
        start = -1;
      }
    }
    return new InCore(result, runs);
  }
}
