package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.Lru;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.VmEvent;
import dev.quire.mmu.KernelPteFormat;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Counts everything a kernel knows of its frames anew, the slow way: from the page tables of all
 * processes and from a walk over all frames; and compares it with what the kernel keeps.
 */
final class KernelAudit {
  private final Kernel kernel;
  private final FrameTable frames;
  private final RandomProgram program;

  /** By frame: PTEs that map it, and PMDs that map the folio it begins. */
  private final int[] ptes;

  private final int[] pmds;

  /** By frame: the content that the pages mapping it must show; -1 if none maps it. */
  private final long[] shown;

  /** By frame of a shared page: which page of which file. */
  private final Map<Long, String> filePages = new HashMap<>();

  private final Map<String, Long> framesOfFiles = new HashMap<>();

  private KernelAudit(Kernel kernel, RandomProgram program) {
    this.kernel = kernel;
    this.frames = kernel.frames();
    this.program = program;
    int count = (int) frames.frames();
    ptes = new int[count];
    pmds = new int[count];
    shown = new long[count];
    Arrays.fill(shown, -1);
  }

  static void check(Kernel kernel, RandomProgram program) {
    KernelAudit audit = new KernelAudit(kernel, program);
    int tables = 0;
    for (RandomProgram.Pair pair : program.processes()) {
      audit.walk(pair);
      audit.requireWholeGroups(pair);
      tables += pair.real().mm().tables().tables();
    }
    audit.walkFrames(tables);
  }

  private void walk(RandomProgram.Pair pair) {
    long[] resident = {0, 0};
    boolean[] seen = new boolean[RandomProgram.WINDOW];
    pair.real()
        .pagemap(
            program.address(0),
            program.address(RandomProgram.WINDOW) - program.address(0),
            (address, page) -> {
              int number = program.page(address);
              seen[number] = true;
              assertThat(pair.naive().isMapped(number)).as("page %d is mapped", number).isTrue();
              if (page.present()) {
                assertThat(pair.naive().isBeyondEnd(number))
                    .as("page %d is mapped beyond the end of its file", number)
                    .isFalse();
                count(pair, address, number, page);
                resident[0] += page.kind() == PageReport.Kind.ANON ? 1 : 0;
                resident[1] += page.kind() == PageReport.Kind.FILE ? 1 : 0;
              }
            });
    for (int page = 0; page < seen.length; page++) {
      if (!seen[page] && pair.naive().kind[page] == NaiveSpace.Kind.PRIVATE) {
        assertThat(pair.naive().shows(page)).as("lost content of page %d", page).isZero();
      }
    }
    MmStruct mm = pair.real().mm();
    assertThat(mm.anonPages()).as("MM_ANONPAGES").isEqualTo(resident[0]);
    assertThat(mm.filePages() + mm.shmemPages())
        .as("MM_FILEPAGES and MM_SHMEMPAGES")
        .isEqualTo(resident[1]);
  }

  /** Entries with the contiguous bit come in groups that map an aligned run with equal rights. */
  private void requireWholeGroups(RandomProgram.Pair pair) {
    KernelPteFormat format = kernel.format();
    int group = 1 << format.hardware().contiguousOrder(0) - format.hardware().leafOrder(0);
    for (int page = 0; page < RandomProgram.WINDOW; page++) {
      PageTables tables = pair.real().mm().tables();
      PageTable table = tables.pte(program.address(page));
      int index = tables.pteIndex(program.address(page));
      // In an entry without rights the bit says nothing (Linux's pte_valid_cont); runs may set it.
      if (table == null
          || !format.isContiguous(table.entries[index])
          || !format.hardware().isPresent(table.entries[index])) {
        continue;
      }
      int start = index & -group;
      long first = table.entries[start];
      assertThat(kernel.ptes().frame(first) % group).as("group of page %d", page).isZero();
      assertThat(format.isContiguous(first) && format.hardware().isPresent(first)).isTrue();
      assertThat(kernel.ptes().frame(table.entries[index]))
          .isEqualTo(kernel.ptes().frame(first) + index - start);
      assertThat(format.protection(table.entries[index], 0))
          .as("rights in the group of page %d", page)
          .isEqualTo(format.protection(first, 0));
    }
  }

  private void count(RandomProgram.Pair pair, long address, int number, PageReport page) {
    NaiveSpace naive = pair.naive();
    if (page.kind() == PageReport.Kind.ZERO || page.kind() == PageReport.Kind.HUGE_ZERO) {
      assertThat(naive.shows(number)).as("content of page %d, the zero page", number).isZero();
      return;
    }
    int pfn = (int) page.pfn();
    long folio = frames.folioOf(pfn);
    assertThat(page.order()).isEqualTo(frames.order(folio));
    assertThat(page.index()).isEqualTo((int) (pfn - folio));
    if (page.huge()) {
      pmds[(int) folio] += page.index() == 0 ? 1 : 0;
    } else {
      ptes[pfn]++;
    }
    long content = naive.shows(number);
    assertThat(shown[pfn]).as("content of page %d, frame 0x%x", number, pfn).isIn(-1L, content);
    shown[pfn] = content;
    boolean anon = frames.is(folio, PageFlag.ANON);
    assertThat(anon).isEqualTo(page.kind() == PageReport.Kind.ANON);
    if (anon) {
      assertThat(naive.isShared(number)).as("page %d of shared memory is anon", number).isFalse();
      requireFoundByReverseMap(pair, address, pfn, folio);
    } else {
      String what = System.identityHashCode(naive.object[number]) + " page " + naive.index[number];
      assertThat(filePages.getOrDefault((long) pfn, what)).as("frame 0x%x", pfn).isEqualTo(what);
      filePages.put((long) pfn, what);
      assertThat(framesOfFiles.getOrDefault(what, (long) pfn)).as(what).isEqualTo(pfn);
      framesOfFiles.put(what, (long) pfn);
    }
  }

  private void requireFoundByReverseMap(
      RandomProgram.Pair pair, long address, long pfn, long folio) {
    boolean[] found = {false};
    kernel
        .reverseLookup()
        .anon(
            folio,
            (vma, first, from, pages) ->
                found[0] |=
                    vma.mm() == pair.real().mm()
                        && pfn >= first
                        && pfn < first + pages
                        && from + (pfn - first) * kernel.pageBytes() == address);
    assertThat(found[0]).as("frame 0x%x is found at 0x%x by its anon_vma", pfn, address).isTrue();
  }

  /** What the walk over all frames adds up. */
  private static final class Sums {
    long free;
    long tables;
    long anonMapped;
    long fileMapped;
    long deferred;
    long listed;
    final long[] anonFolios = new long[KernelCounters.MAX_ORDER + 1];
    final long[] partly = new long[KernelCounters.MAX_ORDER + 1];
  }

  private void walkFrames(int tables) {
    Sums sums = new Sums();
    long pfn = 0;
    while (pfn < frames.frames()) {
      int order = frames.order(pfn);
      assertThat(frames.is(pfn, PageFlag.TAIL)).as("0x%x is a tail of nothing", pfn).isFalse();
      if (frames.is(pfn, PageFlag.RESERVED)) {
        pfn++;
        continue;
      }
      if (frames.refCount(pfn) == 0) {
        assertThat(ptes[(int) pfn] + pmds[(int) pfn]).as("mapped free frame 0x%x", pfn).isZero();
        if (!frames.is(pfn, PageFlag.BUDDY) && order == 0 && isUntouched(pfn)) {
          order = kernel.folios().allocator().layout().maxOrder();
        }
        sums.free += 1L << order;
      } else if (frames.is(pfn, PageFlag.TABLE)) {
        sums.tables++;
      } else {
        checkFolio(pfn, order, sums);
      }
      pfn += 1L << order;
    }
    assertThat(sums.free).as("free pages").isEqualTo(kernel.folios().allocator().freePages());
    assertThat(sums.tables).as("page tables").isEqualTo(tables);
    compare(sums);
  }

  /** Whether a block was never handed out: the allocator knows it by its place alone. */
  private boolean isUntouched(long pfn) {
    long block = 1L << kernel.folios().allocator().layout().maxOrder();
    if ((pfn & block - 1) != 0 || pfn + block > frames.frames()) {
      return false;
    }
    for (long page = pfn; page < pfn + block; page++) {
      if (frames.flags(page) != 0 || frames.refCount(page) != 0 || frames.order(page) != 0) {
        return false;
      }
    }
    return true;
  }

  private void checkFolio(long folio, int order, Sums sums) {
    if (folio == kernel.hugeZero().folio()) {
      long holders =
          program.processes().stream().filter(pair -> pair.real().mm().holdsHugeZero()).count();
      assertThat(frames.refCount(folio)).as("huge zero folio").isEqualTo((int) holders + 1);
      return;
    }
    int pages = 1 << order;
    int mappings = pmds[(int) folio];
    boolean anon = frames.is(folio, PageFlag.ANON);
    for (int i = 0; i < pages; i++) {
      int pfn = (int) folio + i;
      mappings += ptes[pfn];
      assertThat(frames.mapCount(pfn)).as("mapcount of 0x%x", pfn).isEqualTo(ptes[pfn]);
      if (i > 0) {
        assertThat(frames.folioOf(pfn)).isEqualTo(folio);
      }
      boolean mapped = ptes[pfn] + pmds[(int) folio] > 0;
      sums.anonMapped += anon && mapped ? 1 : 0;
      sums.fileMapped += !anon && mapped ? 1 : 0;
      if (anon && order > 0 && pmds[(int) folio] > 0) {
        continue;
      }
      if (frames.is(pfn, PageFlag.ANON_EXCLUSIVE)) {
        assertThat(ptes[pfn]).as("mappings of exclusive page 0x%x", pfn).isLessThanOrEqualTo(1);
      }
    }
    if (order > 0) {
      assertThat(frames.entireMapCount(folio)).as("_entire_mapcount").isEqualTo(pmds[(int) folio]);
    }
    assertThat(kernel.rmap().mapCount(folio)).as("folio_mapcount 0x%x", folio).isEqualTo(mappings);
    boolean listed = frames.is(folio, PageFlag.LRU);
    int cache = anon || frames.mapping(folio) == null ? 0 : pages;
    // Not on a list: then the batch in front of the lists has it, and a reference to it.
    assertThat(frames.refCount(folio))
        .as("references of 0x%x, order %d, flags 0x%x", folio, order, frames.flags(folio))
        .isEqualTo(mappings + cache + (listed ? 0 : 1));
    sums.listed += listed ? pages : 0;
    sums.deferred += frames.is(folio, PageFlag.DEFERRED_SPLIT) ? 1 : 0;
    if (order > 0) {
      sums.anonFolios[order] += anon ? 1 : 0;
      sums.partly[order] += frames.is(folio, PageFlag.PARTIALLY_MAPPED) ? 1 : 0;
    }
  }

  private void compare(Sums sums) {
    KernelCounters.Snapshot counted = kernel.counters().snapshot();
    assertThat(counted.of(VmEvent.NR_ANON_PAGES)).as("nr_anon_pages").isEqualTo(sums.anonMapped);
    assertThat(counted.of(VmEvent.NR_MAPPED)).as("nr_mapped").isEqualTo(sums.fileMapped);
    for (int order = 1; order < sums.anonFolios.length; order++) {
      assertThat(counted.of(order, MthpStat.NR_ANON))
          .as("nr_anon of order %d", order)
          .isEqualTo(sums.anonFolios[order]);
      assertThat(counted.of(order, MthpStat.NR_ANON_PARTIALLY_MAPPED))
          .as("nr_anon_partially_mapped of order %d", order)
          .isEqualTo(sums.partly[order]);
    }
    assertThat(kernel.folios().deferred().size()).as("deferred").isEqualTo(sums.deferred);
    long lists = 0;
    for (Lru.Kind kind : Lru.Kind.values()) {
      lists += kernel.folios().lru().pages(kind);
    }
    assertThat(lists).as("pages on LRU lists").isEqualTo(sums.listed);
    long allocated =
        counted.of(VmEvent.PGALLOC_DMA)
            + counted.of(VmEvent.PGALLOC_DMA32)
            + counted.of(VmEvent.PGALLOC_NORMAL);
    long out = kernel.folios().allocator().totalPages() - kernel.folios().allocator().freePages();
    assertThat(allocated - counted.of(VmEvent.PGFREE)).as("pgalloc - pgfree").isEqualTo(out);
  }

  /** Pages in use but for the huge zero folio, once the batches of the LRU lists are empty. */
  static long inUse(Kernel kernel) {
    kernel.folios().lru().drain();
    long hugeZero = kernel.hugeZero().folio();
    return kernel.folios().allocator().totalPages()
        - kernel.folios().allocator().freePages()
        - (hugeZero == FrameTable.NONE ? 0 : kernel.frames().pages(hugeZero));
  }
}
