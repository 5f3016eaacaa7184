package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.gather.GatherDesign;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.HugetlbPool;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.rmap.RmapDesign;
import dev.quire.mmu.FakeKernelPteFormat;
import dev.quire.mmu.KernelPteFormat;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.RandomDistribution;

/**
 * Random programs on hugetlb pages: accesses see what was written, map counts, references and
 * reservations are what the page tables and the maps of reservations add up to, and all pages are
 * free and unreserved at the end.
 */
class HugetlbPropertyTest {
  private static final int MEMORY_PAGES = 1 << 15;

  @Provide
  Arbitrary<List<HugetlbProgram.Step>> programs() {
    return Combinators.combine(
            Arbitraries.of(HugetlbProgram.Action.values()),
            Arbitraries.integers().between(0, 2),
            Arbitraries.integers().between(0, HugetlbProgram.WINDOW - 1),
            Arbitraries.integers().between(0, 4),
            Arbitraries.integers().between(0, 60))
        .as(HugetlbProgram.Step::new)
        .list()
        .ofMaxSize(70)
        .withSizeDistribution(RandomDistribution.uniform());
  }

  @Property(tries = 120, seed = "20261122", edgeCases = EdgeCasesMode.NONE)
  void aFixedPool(
      @ForAll RmapDesign rmap,
      @ForAll GatherDesign gather,
      @ForAll("programs") List<HugetlbProgram.Step> steps) {
    KernelConfig config =
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, MEMORY_PAGES)
            .withRmap(rmap)
            .withGather(gather);
    run(config, 1, 10, 0, steps);
  }

  @Property(tries = 120, seed = "20261123", edgeCases = EdgeCasesMode.NONE)
  void surplusPages(@ForAll("programs") List<HugetlbProgram.Step> steps) {
    run(
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, MEMORY_PAGES),
        1,
        3,
        8,
        steps);
  }

  @Property(tries = 120, seed = "20261124", edgeCases = EdgeCasesMode.NONE)
  void contiguousEntries(@ForAll("programs") List<HugetlbProgram.Step> steps) {
    run(KernelConfig.of(HostArchitecture.ARM64, HostGranule.BASE_4K, MEMORY_PAGES), 0, 8, 3, steps);
  }

  /**
   * @param level of the entries
   * @param folios in the pool
   * @param surplus how many more there may be
   */
  private static void run(
      KernelConfig config, int level, int folios, int surplus, List<HugetlbProgram.Step> steps) {
    Kernel kernel = new Kernel(config, new FakeKernelPteFormat());
    kernel.setFileSystems(ModelledFiles.of(kernel));
    HugetlbSize size =
        kernel.hugetlb().sizes().stream().filter(s -> s.level() == level).findFirst().orElseThrow();
    HugetlbPool pool = size.pool();
    assertThat(pool.resize(folios)).isEqualTo(folios);
    pool.allowSurplus(surplus);
    long before = KernelAudit.inUse(kernel);
    HugetlbProgram program = new HugetlbProgram(kernel, size);
    for (HugetlbProgram.Step step : steps) {
      program.run(step);
      check(kernel, program);
    }
    program.end();
    check(kernel, program);
    assertThat(pool.reserved()).as("reserved after all").isZero();
    assertThat(pool.surplus()).as("surplus after all").isZero();
    assertThat(pool.free()).as("free after all").isEqualTo(folios);
    assertThat(KernelAudit.inUse(kernel)).as("pages in use after all").isEqualTo(before);
  }

  private static void check(Kernel kernel, HugetlbProgram program) {
    FrameTable frames = kernel.frames();
    HugetlbSize size = program.size;
    Map<Long, Integer> mappings = new HashMap<>();
    Map<Long, Long> shown = new HashMap<>();
    Set<OpenFile> files = new HashSet<>(program.files());
    long promised = 0;
    for (HugetlbProgram.Pair pair : program.processes()) {
      long mapped = walk(kernel, program, pair, mappings, shown);
      MmStruct mm = pair.real().mm();
      assertThat(mm.hugetlbPages()).as("hugetlb_usage").isEqualTo(mapped * size.pages());
      for (int i = 0; i < mm.vmas().size(); i++) {
        Vma vma = mm.vmas().get(i);
        files.add(vma.file());
        ReservationMap owned = vma.hugetlb().owned();
        if (owned != null) {
          promised +=
              owned.missing(
                  HugetlbReservations.index(vma, vma.start()),
                  HugetlbReservations.index(vma, vma.end()));
        }
      }
    }
    Set<Long> cached = new HashSet<>();
    for (OpenFile file : files) {
      HugetlbInode inode = (HugetlbInode) file;
      promised += inode.reservations().count(0, Long.MAX_VALUE);
      for (long page = 0; page < HugetlbProgram.WINDOW * size.pages(); page += size.pages()) {
        long folio = inode.folio(page);
        if (folio != FrameTable.NONE) {
          assertThat(cached.add(folio)).as("folio 0x%x is in two places", folio).isTrue();
          promised--;
        }
      }
    }
    Set<Long> used = new HashSet<>(mappings.keySet());
    used.addAll(cached);
    for (long folio : used) {
      int maps = mappings.getOrDefault(folio, 0);
      long references = maps + (cached.contains(folio) ? size.pages() : 0);
      assertThat(frames.entireMapCount(folio)).as("map count of 0x%x", folio).isEqualTo(maps);
      assertThat(frames.largeMapCount(folio)).as("large map count 0x%x", folio).isEqualTo(maps);
      assertThat((long) frames.refCount(folio)).as("refs of 0x%x", folio).isEqualTo(references);
      // Whoever else maps the folio gives the reservation back when it lets it go.
      promised -= frames.is(folio, PageFlag.RESTORE_RESERVE) ? 1 : 0;
    }
    HugetlbPool pool = size.pool();
    assertThat(pool.total() - pool.free()).as("folios in use").isEqualTo(used.size());
    assertThat(pool.reserved()).as("reserved").isEqualTo(promised);
  }

  /** The pages that a process maps: returns how many. */
  private static long walk(
      Kernel kernel,
      HugetlbProgram program,
      HugetlbProgram.Pair pair,
      Map<Long, Integer> mappings,
      Map<Long, Long> shown) {
    HugetlbSize size = program.size;
    PageTables tables = pair.real().mm().tables();
    KernelPteFormat format = kernel.format();
    NaiveSpace naive = pair.naive();
    long mapped = 0;
    for (int page = 0; page < HugetlbProgram.WINDOW; page++) {
      PageTable table = tables.table(program.address(page), size.level());
      int index = format.hardware().index(program.address(page), size.level());
      long entry = table == null ? 0 : table.entries[index];
      if (!format.isMapped(entry)) {
        boolean lost = naive.kind[page] == NaiveSpace.Kind.PRIVATE && !program.lost(pair, page);
        assertThat(lost ? naive.shows(page) : 0).as("lost content of page %d", page).isZero();
        continue;
      }
      assertThat(naive.isMapped(page) && !naive.isBeyondEnd(page)).as("page %d", page).isTrue();
      mapped++;
      long folio = tables.frame(entry, size.level());
      requireGroup(format, table, index, size);
      mappings.merge(folio, 1, Integer::sum);
      long content = naive.shows(page);
      assertThat(shown.getOrDefault(folio, content)).as("page %d", page).isEqualTo(content);
      shown.put(folio, content);
      assertThat(kernel.contents().holdsZeros(folio)).as("page %d", page).isEqualTo(content == 0);
      boolean anon = kernel.frames().is(folio, PageFlag.ANON);
      assertThat(anon && naive.isShared(page)).as("page %d of shared memory", page).isFalse();
      if (format.isWritable(entry) && !naive.isShared(page)) {
        assertThat(anon && kernel.frames().is(folio, PageFlag.ANON_EXCLUSIVE)).isTrue();
      }
    }
    return mapped;
  }

  private static void requireGroup(
      KernelPteFormat format, PageTable table, int index, HugetlbSize size) {
    long first = table.entries[index];
    long[] group = Arrays.copyOfRange(table.entries, index, index + size.entries());
    assertThat(format.isContiguous(first)).isEqualTo(group.length > 1);
    for (int i = 0; i < group.length; i++) {
      long step = (long) i << format.hardware().leafOrder(size.level());
      assertThat(format.pfn(group[i], size.level()))
          .isEqualTo(format.pfn(first, size.level()) + step);
      assertThat(format.isWritable(group[i])).isEqualTo(format.isWritable(first));
    }
  }
}
