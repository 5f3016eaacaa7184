package dev.quire.kernel.rmap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.page.FolioMapping;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Random rmap calls of every design against a list of mappings. */
class ReverseMapModelTest {
  private static final int PMD_ORDER = 4;
  private static final int[] ORDERS = {0, 0, 1, 2, 3, PMD_ORDER, PMD_ORDER};
  private static final int MMS = 3;
  private static final FolioMapping ANON_VMA = () -> true;

  private final MappingList list = new MappingList();
  private final Set<Long> exclusive = new HashSet<>();
  private final Set<Long> queued = new HashSet<>();
  private final Set<Long> crowded = new HashSet<>();
  private final KernelCounters counters = new KernelCounters();
  private final FrameTable frames = new FrameTable(1 << 12);
  private final long[] folios = new long[2 * ORDERS.length];
  private RmapDesign design;
  private ReverseMap rmap;
  private Random random;

  @ParameterizedTest
  @EnumSource
  void countsAreThoseOfTheListOfMappings(RmapDesign design) {
    this.design = design;
    random = new Random(20260103 + design.ordinal());
    rmap =
        new ReverseMap(
            frames,
            counters,
            (folio, partially) -> assertThat(queue(folio)).isTrue(),
            design,
            PMD_ORDER);
    for (int i = 0; i < folios.length; i++) {
      folios[i] = 64L * (i + 1);
      makeFolio(folios[i], ORDERS[i % ORDERS.length], i < ORDERS.length);
    }
    for (int i = 0; i < 4_000; i++) {
      long folio = folios[random.nextInt(folios.length)];
      KernelCounters.Snapshot before = counters.snapshot();
      step(folio);
      check(folio, counters.snapshot().minus(before));
    }
    checkGauges();
    assertThat(queued).isNotEmpty();
    assertThat(crowded).isNotEmpty();
  }

  private boolean queue(long folio) {
    frames.set(folio, PageFlag.DEFERRED_SPLIT | PageFlag.PARTIALLY_MAPPED);
    return queued.add(folio);
  }

  private void makeFolio(long folio, int order, boolean anon) {
    frames.makeFolio(folio, order);
    if (anon && order != 1) {
      int mm = 1 + random.nextInt(MMS);
      rmap.addNewAnon(folio, ANON_VMA, folio, mm, true);
      for (long page = folio; page < folio + (order == PMD_ORDER ? 1 : 1 << order); page++) {
        list.add(folio, order == PMD_ORDER ? MappingList.WHOLE : page, mm);
        exclusive.add(page);
      }
    } else {
      frames.set(folio, random.nextBoolean() ? PageFlag.SWAPBACKED : 0);
    }
  }

  /** What a call changed as the list sees it, for the expected atomics. */
  private int calls;

  private int pteChanges;
  private int pteTransitions;
  private int entireChanges;
  private int entireTransitions;

  private void step(long folio) {
    calls = 0;
    pteChanges = 0;
    pteTransitions = 0;
    entireChanges = 0;
    entireTransitions = 0;
    int mm = 1 + random.nextInt(MMS);
    boolean pmd = frames.order(folio) == PMD_ORDER && random.nextInt(3) == 0;
    if (pmd) {
      stepPmd(folio, mm);
    } else {
      stepPtes(folio, mm);
    }
    if (list.mms(folio).size() > 2) {
      crowded.add(folio);
    } else if (list.total(folio) == 0) {
      crowded.remove(folio);
    }
  }

  private void stepPmd(long folio, int mm) {
    int mappedBefore = list.entire(folio);
    boolean anon = frames.is(folio, PageFlag.ANON);
    if (list.has(folio, MappingList.WHOLE, mm)) {
      int coveredBefore = list.pagesMapped(folio, frames.pages(folio));
      list.remove(folio, MappingList.WHOLE, mm);
      int covered = list.pagesMapped(folio, frames.pages(folio));
      expectQueue(folio, covered < coveredBefore && covered > 0, () -> rmap.removePmd(folio, mm));
      calls++;
    } else if (mappedBefore > 0) {
      boolean pinned = random.nextInt(8) == 0;
      calls++;
      if (!anon) {
        rmap.dupFilePmd(folio, mm);
      } else {
        boolean refused = pinned && exclusive.contains(folio);
        assertThat(rmap.tryDupAnonPmd(folio, mm, pinned)).isEqualTo(!refused);
        if (refused) {
          return;
        }
        exclusive.remove(folio);
      }
      list.add(folio, MappingList.WHOLE, mm);
    } else {
      boolean alone = anon && list.total(folio) == 0 && random.nextBoolean();
      if (anon) {
        calls++;
        rmap.addAnonPmd(folio, mm, alone);
      } else {
        rmap.addFilePmd(folio, mm);
      }
      if (alone) {
        exclusive.add(folio);
      }
      list.add(folio, MappingList.WHOLE, mm);
    }
    entireChanges = 1;
    entireTransitions = (mappedBefore == 0) != (list.entire(folio) == 0) ? 1 : 0;
  }

  private void stepPtes(long folio, int mm) {
    int size = frames.pages(folio);
    long first = folio + random.nextInt(size);
    boolean present = list.has(folio, first, mm);
    int nr = 1;
    int limit = 1 + random.nextInt((int) (folio + size - first));
    while (nr < limit && list.has(folio, first + nr, mm) == present) {
      nr++;
    }
    if (present) {
      removePtes(folio, first, nr, mm);
    } else if (allMapped(first, nr)) {
      dupPtes(folio, first, nr, mm);
    } else {
      addPtes(folio, first, nr, mm);
    }
  }

  private boolean allMapped(long first, int nr) {
    for (long page = first; page < first + nr; page++) {
      if (list.ofPage(page) == 0) {
        return false;
      }
    }
    return true;
  }

  private void removePtes(long folio, long first, int nr, int mm) {
    int size = frames.pages(folio);
    int covered = list.pagesMapped(folio, size);
    for (long page = first; page < first + nr; page++) {
      list.remove(folio, page, mm);
      pteTransitions += list.ofPage(page) == 0 ? 1 : 0;
    }
    int left = list.pagesMapped(folio, size);
    boolean spurious = design.compareTo(RmapDesign.PARTLY_MAPPED_QUEUE) < 0;
    expectQueue(
        folio,
        size > 1 && left < covered && (left > 0 || spurious),
        () -> rmap.removePtes(folio, first, nr, mm));
    calls = nr;
    pteChanges = nr;
  }

  private void expectQueue(long folio, boolean due, Runnable call) {
    boolean already = queued.contains(folio);
    call.run();
    assertThat(queued.contains(folio)).isEqualTo(already || due && frames.is(folio, PageFlag.ANON));
    if (!already && random.nextBoolean()) {
      queued.remove(folio);
      frames.clear(folio, PageFlag.DEFERRED_SPLIT | PageFlag.PARTIALLY_MAPPED);
    }
  }

  private void dupPtes(long folio, long first, int nr, int mm) {
    calls = nr;
    if (frames.is(folio, PageFlag.ANON)) {
      boolean pinned = random.nextInt(8) == 0;
      boolean refused = false;
      for (long page = first; page < first + nr; page++) {
        refused |= pinned && exclusive.contains(page);
      }
      assertThat(rmap.tryDupAnonPtes(folio, first, nr, mm, pinned)).isEqualTo(!refused);
      if (refused) {
        return;
      }
    } else {
      rmap.dupFilePtes(folio, first, nr, mm);
    }
    for (long page = first; page < first + nr; page++) {
      exclusive.remove(page);
      list.add(folio, page, mm);
    }
    pteChanges = nr;
  }

  private void addPtes(long folio, long first, int nr, int mm) {
    boolean alone = list.total(folio) == 0 && random.nextBoolean();
    if (frames.is(folio, PageFlag.ANON)) {
      calls = nr;
      rmap.addAnonPtes(folio, first, nr, mm, alone);
    } else {
      rmap.addFilePtes(folio, first, nr, mm);
    }
    for (long page = first; page < first + nr; page++) {
      pteTransitions += list.ofPage(page) == 0 ? 1 : 0;
      if (alone && frames.is(folio, PageFlag.ANON)) {
        exclusive.add(page);
      }
      list.add(folio, page, mm);
    }
    pteChanges = nr;
  }

  private void check(long folio, KernelCounters.Snapshot counted) {
    int size = frames.pages(folio);
    for (long page = folio; page < folio + size; page++) {
      assertThat(frames.mapCount(page)).isEqualTo(list.ofPage(page));
      assertThat(frames.is(page, PageFlag.ANON_EXCLUSIVE)).isEqualTo(exclusive.contains(page));
    }
    boolean large = size > 1;
    if (large) {
      int entire = list.entire(folio);
      assertThat(frames.entireMapCount(folio)).isEqualTo(entire);
      assertThat(frames.nrPagesMapped(folio))
          .isEqualTo(list.pagesByPte(folio) + (entire > 0 ? 0x80_0000 : 0));
    }
    assertThat(rmap.mapCount(folio)).isEqualTo(list.total(folio));
    if (!crowded.contains(folio) && size != 2) {
      assertThat(rmap.maybeMappedShared(folio)).isEqualTo(list.mms(folio).size() > 1);
    } else if (list.mms(folio).size() > 1 && size != 2) {
      assertThat(rmap.maybeMappedShared(folio)).isTrue();
    }
    boolean before = design == RmapDesign.COMPOUND_FLAG;
    assertThat(counted.of(Primitive.RMAP_CALL)).isEqualTo(before ? Math.max(calls, 1) : 1);
    assertThat(counted.of(Primitive.FOLIO_LOOKUP)).isEqualTo(before && large ? calls : 0);
    assertThat(counted.of(Primitive.MAPCOUNT_ATOMIC)).isEqualTo(pteChanges);
    assertThat(counted.of(Primitive.ENTIRE_MAPCOUNT_ATOMIC)).isEqualTo(entireChanges);
    int updates =
        design.compareTo(RmapDesign.MINIMIZED_NR_MAPPED) < 0
            ? pteTransitions
            : Math.min(pteTransitions, 1);
    assertThat(counted.of(Primitive.NR_PAGES_MAPPED_ATOMIC))
        .isEqualTo(large ? updates + entireTransitions : 0);
    boolean changed = large && pteChanges + entireChanges > 0;
    assertThat(counted.of(Primitive.LARGE_MAPCOUNT_ATOMIC))
        .isEqualTo(changed && design.compareTo(RmapDesign.TOTAL_MAPCOUNT) >= 0 ? 1 : 0);
  }

  private void checkGauges() {
    long anon = 0;
    long file = 0;
    long anonPmds = 0;
    long filePmds = 0;
    for (long folio : folios) {
      int mapped = list.pagesMapped(folio, frames.pages(folio));
      int pmds = list.entire(folio) > 0 ? 1 : 0;
      if (frames.is(folio, PageFlag.ANON)) {
        anon += mapped;
        anonPmds += pmds;
      } else {
        file += mapped;
        filePmds += pmds;
      }
    }
    KernelCounters.Snapshot now = counters.snapshot();
    assertThat(now.of(VmEvent.NR_ANON_PAGES)).isEqualTo(anon);
    assertThat(now.of(VmEvent.NR_MAPPED)).isEqualTo(file);
    assertThat(now.of(VmEvent.NR_ANON_TRANSPARENT_HUGEPAGES)).isEqualTo(anonPmds);
    assertThat(now.of(VmEvent.NR_SHMEM_PMDMAPPED) + now.of(VmEvent.NR_FILE_PMDMAPPED))
        .isEqualTo(filePmds);
  }
}
