package dev.quire.emulator.exec;

import java.util.ArrayList;
import java.util.List;

/**
 * Keeps the translated code of several cores coherent with stores.
 *
 * <p>Each core sees its own stores to code it has translated, but not another core's. A frame is
 * therefore never both executable in one core's soft TLB and writable in another's: granting one
 * takes the other away, and taking execution away drops that core's translations.
 *
 * <p>The host's own stores ({@link #hostWrote}) are seen by no core and drop translations too.
 *
 * <p>Machine thread only.
 */
public final class CodeCoherence {
  private static final int CHUNK_PFNS = 1 << 15;

  private final List<UnicornEngine> engines = new ArrayList<>();
  private final long[][] executors;
  private final long[][] writers;

  /** For a machine whose host frames are below {@code frames}; at most 64 cores. */
  public CodeCoherence(long frames) {
    int chunks = Math.toIntExact((frames + CHUNK_PFNS - 1) / CHUNK_PFNS);
    executors = new long[chunks][];
    writers = new long[chunks][];
  }

  int join(UnicornEngine engine) {
    engines.add(engine);
    return engines.size() - 1;
  }

  void grantExecute(int core, long pfn) {
    set(executors, core, pfn);
    long others = get(writers, pfn) & ~(1L << core);
    if (others != 0) {
      forEach(others, UnicornEngine::flushAll);
      clear(writers, pfn, others);
    }
  }

  void grantWrite(int core, long pfn) {
    set(writers, core, pfn);
    long others = get(executors, pfn) & ~(1L << core);
    if (others != 0) {
      forEach(others, UnicornEngine::flushAll);
      forEach(others, UnicornEngine::flushCode);
      clear(executors, pfn, others);
    }
  }

  /** The host stored into a frame; whoever translated code from it forgets it. */
  public void hostWrote(long pfn) {
    long all = get(executors, pfn);
    if (all != 0) {
      forEach(all, UnicornEngine::flushAll);
      forEach(all, UnicornEngine::flushCode);
      clear(executors, pfn, all);
    }
  }

  private void forEach(long cores, java.util.function.Consumer<UnicornEngine> action) {
    for (long left = cores; left != 0; left &= left - 1) {
      action.accept(engines.get(Long.numberOfTrailingZeros(left)));
    }
  }

  private static long get(long[][] masks, long pfn) {
    long[] chunk = masks[(int) (pfn / CHUNK_PFNS)];
    return chunk == null ? 0 : chunk[(int) (pfn % CHUNK_PFNS)];
  }

  private static void set(long[][] masks, int core, long pfn) {
    int index = (int) (pfn / CHUNK_PFNS);
    if (masks[index] == null) {
      masks[index] = new long[CHUNK_PFNS];
    }
    masks[index][(int) (pfn % CHUNK_PFNS)] |= 1L << core;
  }

  private static void clear(long[][] masks, long pfn, long cores) {
    masks[(int) (pfn / CHUNK_PFNS)][(int) (pfn % CHUNK_PFNS)] &= ~cores;
  }
}
