package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds who may map a folio (Linux v6.18 mm/rmap.c, rmap_walk): the VMAs of its anon_vma, or of its
 * file, that cover its pages. The page tables are the caller's to look at. Used on the kernel's
 * thread.
 */
final class ReverseLookup {
  private final FrameTable frames;
  private final int pageShift;

  ReverseLookup(Kernel kernel) {
    this.frames = kernel.frames();
    this.pageShift = kernel.pageShift();
  }

  /** Is told of a part of a folio and where a VMA would map it. */
  interface Visitor {
    /**
     * @param firstPage the first page of the folio that the VMA covers
     * @param address where that page would be
     * @param pages how many pages of the folio follow in the VMA
     */
    void place(Vma vma, long firstPage, long address, int pages);
  }

  /** Visits the VMAs that may map pages of an anonymous folio. */
  void anon(long folio, Visitor visitor) {
    if (frames.mapping(folio) instanceof AnonVma anonVma) {
      visit(new ArrayList<>(anonVma.vmas()), folio, visitor);
    }
  }

  /** Visits the VMAs of a file that cover a folio of its page cache. */
  void file(FileMappings mappings, long folio, Visitor visitor) {
    List<Vma> vmas = new ArrayList<>(mappings.size());
    for (int i = 0; i < mappings.size(); i++) {
      vmas.add(mappings.get(i));
    }
    visit(vmas, folio, visitor);
  }

  private void visit(List<Vma> vmas, long folio, Visitor visitor) {
    long index = frames.index(folio);
    long end = index + frames.pages(folio);
    for (Vma vma : vmas) {
      long from = Math.max(index, vma.pgoff());
      long to = Math.min(end, vma.pgoff() + (vma.bytes() >>> pageShift));
      if (from < to) {
        visitor.place(vma, folio + from - index, vma.address(from), (int) (to - from));
      }
    }
  }
}
