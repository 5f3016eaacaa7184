package dev.quire.emulator.measure;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.Protection;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.TranslationObserver;
import dev.quire.mmu.tlb.WalkedPages;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class NeighboursTest {
  private static final long VA = 0x7f00_0000_8000L;
  private static final int READ_WRITE = Protection.READ | Protection.WRITE;

  /** Answers probes from a table of 4 KiB pages. */
  private static final class TableMmu implements Mmu {
    private record Page(long pfn, int rights, boolean user, int order) {}

    private final Map<Long, Page> pages = new HashMap<>();

    void map(long page, long pfn, int rights, boolean user) {
      pages.put(VA + page * 4096, new Page(pfn, rights, user, 0));
    }

    void unmap(long page) {
      pages.remove(VA + page * 4096);
    }

    @Override
    public long probe(long va, int access) {
      Page page = pages.get(va);
      boolean refused =
          page == null
              || Access.isUser(access) && !page.user
              || (page.rights & Protection.neededBy(access)) == 0;
      return refused
          ? Translation.failure(FaultRecord.GUEST)
          : Translation.of(page.pfn, page.rights, page.order, page.order);
    }

    @Override
    public long translate(long va, int access) {
      throw new AssertionError("a look without effect was asked for");
    }

    @Override
    public FaultRecord fault() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void faultTaken() {}

    @Override
    public void invalidate(TlbInvalidation invalidation) {}

    @Override
    public void setObserver(TranslationObserver observer) {}

    @Override
    public int lastPage() {
      return TranslationObserver.NO_PAGE;
    }

    @Override
    public MmuCounters counters() {
      throw new UnsupportedOperationException();
    }
  }

  private final TableMmu mmu = new TableMmu();
  private final WalkedPages pages = new WalkedPages();
  private final Neighbours neighbours = new Neighbours(mmu, pages);

  private int walk(long page) {
    long va = VA + page * 4096;
    long translation = mmu.probe(va, Access.READ);
    PageWalk walk = new PageWalk();
    walk.begin();
    walk.end(va, PageWalk.NO_STAGE2, 0);
    int id = pages.add(va, 1, false, translation, 0, walk, 0);
    neighbours.walked(id);
    return id;
  }

  @Test
  void pagesInOneRunWithEqualRightsAreNeighbours() {
    for (int page = 0; page < 8; page++) {
      mmu.map(page, 100 + page, READ_WRITE, true);
    }
    mmu.map(1, 500, READ_WRITE, true); // elsewhere in physical memory
    mmu.map(5, 105, Protection.READ, true); // clean or read-only
    mmu.map(6, 106, READ_WRITE, false); // the supervisor's
    mmu.map(7, 107, Protection.ALL, true); // executable
    mmu.map(8, 108, READ_WRITE, true); // of the next eight
    assertThat(pages.neighbours(walk(3))).isEqualTo(0b0001_1101);
    assertThat(Order.SIZE_4K).isZero();
  }

  @Test
  void aPageWalkedToLaterIsANeighbourOfThoseBefore() {
    mmu.map(0, 100, READ_WRITE, true);
    int first = walk(0);
    assertThat(pages.neighbours(first)).isEqualTo(0b1);
    mmu.map(1, 101, READ_WRITE, true);
    int second = walk(1);
    assertThat(pages.neighbours(first)).isEqualTo(0b11);
    assertThat(pages.neighbours(second)).isEqualTo(0b11);
  }

  @Test
  void aPageDroppedOrMappedElsewhereIsNone() {
    mmu.map(0, 100, READ_WRITE, true);
    mmu.map(1, 101, READ_WRITE, true);
    int first = walk(0);
    int second = walk(1);
    neighbours.dropped(second);
    pages.remove(second);
    assertThat(pages.neighbours(first)).isEqualTo(0b1);
    mmu.map(1, 300, READ_WRITE, true);
    assertThat(pages.neighbours(walk(1))).isEqualTo(0b10);
    assertThat(pages.neighbours(first)).isEqualTo(0b1);
    mmu.unmap(1);
    mmu.map(1, 101, READ_WRITE, true);
    walk(1);
    assertThat(pages.neighbours(first)).isEqualTo(0b11);
  }
}
