package dev.quire.emulator.exec;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * Keeps the translated code of several cores coherent with stores.
 *
 * <p>A core does not see another core's stores to code it has translated, and of its own through
 * one fill only the first. A frame is therefore never both executable in one core's soft TLB and
 * writable in any: granting one takes the other away, and taking execution away drops that core's
 * translations.
 *
 * <p>The host's own stores ({@link #hostWrote}) are seen by no core and drop translations too.
 *
 * <p>Machine thread only.
 */
public final class CodeCoherence {
  private static final int CHUNK_PFNS = 1 << 15;

  /** Bits of a mask. */
  private static final int MOST_CORES = Long.SIZE;

  private final List<UnicornEngine> engines = new ArrayList<>();
  private final long[][] executors;
  private final long[][] writers;
  private final BitSet vetted = new BitSet();
  private ForeignStores foreign;

  /** For a machine whose host frames are below {@code frames}; at most 64 cores. */
  public CodeCoherence(long frames) {
    int chunks = Math.toIntExact((frames + CHUNK_PFNS - 1) / CHUNK_PFNS);
    executors = new long[chunks][];
    writers = new long[chunks][];
  }

  int join(UnicornEngine engine) {
    int free = engines.indexOf(null);
    if (free >= 0) {
      engines.set(free, engine);
      return free;
    }
    if (engines.size() == MOST_CORES) {
      throw new IllegalStateException("more than " + MOST_CORES + " cores on one memory");
    }
    engines.add(engine);
    return engines.size() - 1;
  }

  /** The core ends; another may get its number. */
  void leave(int core) {
    engines.set(core, null);
    forget(executors, core);
    forget(writers, core);
    if (foreign != null) {
      foreign.prune();
    }
  }

  private static void forget(long[][] masks, int core) {
    for (long[] chunk : masks) {
      for (int i = 0; chunk != null && i < chunk.length; i++) {
        chunk[i] &= ~(1L << core);
      }
    }
  }

  /** Who is told of frames that a core begins to execute; null for nobody. */
  void watch(ForeignStores watcher) {
    foreign = watcher;
  }

  /** Whether any core may have translated code from the frame. */
  boolean isExecuted(long pfn) {
    return get(executors, pfn) != 0;
  }

  void grantExecute(int core, long pfn) {
    if (foreign != null && get(executors, pfn) == 0) {
      foreign.executed(pfn);
    }
    set(executors, core, pfn);
    long all = get(writers, pfn);
    if (all != 0) {
      forEach(all, UnicornEngine::flushAll);
      clear(writers, pfn, all);
    }
  }

  /** Whether the frame was found harmless ({@link CodeVetting}) and not written since. */
  boolean isVetted(long pfn) {
    return vetted.get((int) pfn);
  }

  void setVetted(long pfn) {
    vetted.set((int) pfn);
  }

  /** Whether the core may have translated code from the frame. */
  boolean executes(int core, long pfn) {
    return (get(executors, pfn) >>> core & 1) != 0;
  }

  /**
   * The core stored into a frame it executes, and does not run now. It fetches anew from there.
   *
   * @param noticed it has dropped what it had translated of the bytes; else it translates all anew
   */
  void stored(int core, long pfn, boolean noticed) {
    if (noticed) {
      UnicornEngine engine = engines.get(core);
      engine.flushAll();
      engine.forgetCode(pfn);
    } else {
      drop(1L << core, pfn);
    }
    clear(writers, pfn, 1L << core);
  }

  void grantWrite(int core, long pfn) {
    vetted.clear((int) pfn);
    set(writers, core, pfn);
    long others = get(executors, pfn) & ~(1L << core);
    drop(others, pfn);
  }

  /** The host stored into a frame; whoever translated code from it forgets it. */
  public void hostWrote(long pfn) {
    vetted.clear((int) pfn);
    drop(get(executors, pfn), pfn);
  }

  private void drop(long cores, long pfn) {
    if (cores != 0) {
      forEach(cores, UnicornEngine::flushAll);
      forEach(cores, UnicornEngine::flushCode);
      forEach(cores, engine -> engine.forgetCode(pfn));
      clear(executors, pfn, cores);
      if (foreign != null && !isExecuted(pfn)) {
        foreign.dropped(pfn);
      }
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
