package dev.quire.kernel.mm;

/** How an anonymous fault chooses the size of its folio. */
public enum AnonFaultAlgorithm {
  /** Linux 6.8 and later: the orders sysfs enables, alloc_anon_folio of mm/memory.c. */
  UPSTREAM,
  /** Series v1, mail 20230626171430.3167004: every order down from the architecture's maximum. */
  SERIES_V1,
  /** Series v1 with its writes over the zero page and copy-on-write at large orders too. */
  SERIES_V1_FULL
}
