package dev.quire.kernel.rmap;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The slow model of the reverse map: a list of mappings, from which every count is recomputed. */
final class MappingList {
  /**
   * @param page the page a PTE maps, or -1 for a PMD that maps the folio
   */
  private record Mapping(long folio, long page, int mm) {}

  static final long WHOLE = -1;

  private final List<Mapping> mappings = new ArrayList<>();

  void add(long folio, long page, int mm) {
    mappings.add(new Mapping(folio, page, mm));
  }

  void remove(long folio, long page, int mm) {
    if (!mappings.remove(new Mapping(folio, page, mm))) {
      throw new AssertionError("the test removes a mapping that is not there");
    }
  }

  boolean has(long folio, long page, int mm) {
    return mappings.contains(new Mapping(folio, page, mm));
  }

  int ofPage(long page) {
    return (int) mappings.stream().filter(m -> m.page() == page).count();
  }

  int entire(long folio) {
    return (int) mappings.stream().filter(m -> m.folio() == folio && m.page() == WHOLE).count();
  }

  int total(long folio) {
    return (int) mappings.stream().filter(m -> m.folio() == folio).count();
  }

  /** Pages that some PTE maps. */
  int pagesByPte(long folio) {
    Set<Long> pages = new HashSet<>();
    for (Mapping m : mappings) {
      if (m.folio() == folio && m.page() != WHOLE) {
        pages.add(m.page());
      }
    }
    return pages.size();
  }

  /** Pages that anything maps, of a folio of {@code size} pages. */
  int pagesMapped(long folio, int size) {
    return entire(folio) > 0 ? size : pagesByPte(folio);
  }

  Set<Integer> mms(long folio) {
    Set<Integer> found = new HashSet<>();
    for (Mapping m : mappings) {
      if (m.folio() == folio) {
        found.add(m.mm());
      }
    }
    return found;
  }
}
