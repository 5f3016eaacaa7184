package dev.quire.emulator.exec;

import dev.quire.bindings.Uc;
import dev.quire.bindings.UcConst;
import dev.quire.mmu.PhysicalMemory;
import java.lang.foreign.MemorySegment;

/**
 * The host physical memory that a machine's cores share: one arena, identity-mapped at physical 0,
 * and behind it pages that no guest translation ever names.
 */
public final class EngineMemory {
  private static final long PAGE_BYTES = BouncePage.BYTES;

  private final MemorySegment arena;
  private final PhysicalMemory memory;
  private final CodeCoherence coherence;
  private final long hiddenPa;
  private final BouncePage[] bounces = new BouncePage[ExecutionEngine.MOST_BOUNCES];

  /** Pages kept back at the end of the arena: the bounce pages and the engine's own. */
  public static final int HIDDEN_PAGES = CodeVetting.FIRST_HIDDEN_PAGE + CodeVetting.STEP_PAGES;

  /**
   * @param arena page-aligned native memory; its last {@link #HIDDEN_PAGES} pages are the engines'
   * @param memory the same bytes as the walkers see them, without the hidden pages
   */
  public EngineMemory(MemorySegment arena, PhysicalMemory memory) {
    this.arena = arena;
    this.memory = memory;
    coherence = new CodeCoherence(arena.byteSize() / PAGE_BYTES);
    hiddenPa = arena.byteSize() - HIDDEN_PAGES * PAGE_BYTES;
    for (int index = 0; index < bounces.length; index++) {
      bounces[index] = new BouncePage(hiddenBytes(index), hiddenPage(index));
    }
  }

  void map(Uc uc) {
    uc.memMapPtr(0, arena.byteSize(), UcConst.PERM_ALL, arena);
  }

  PhysicalMemory memory() {
    return memory;
  }

  public CodeCoherence coherence() {
    return coherence;
  }

  /** Has stores by others to this memory, from now on, be found out when asked for. */
  public ForeignStores watchForeignStores() {
    ForeignStores watcher = new ForeignStores(coherence, arena);
    coherence.watch(watcher);
    return watcher;
  }

  BouncePage[] bounces() {
    return bounces;
  }

  /** Physical address of hidden page {@code index}; the first are the bounce pages. */
  final long hiddenPage(int index) {
    return hiddenPa + index * PAGE_BYTES;
  }

  final MemorySegment hiddenBytes(int index) {
    return arena.asSlice(hiddenPage(index), PAGE_BYTES);
  }
}
