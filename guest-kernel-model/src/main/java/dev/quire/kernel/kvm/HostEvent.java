package dev.quire.kernel.kvm;

import java.util.Locale;

/**
 * What a host does under a running guest; {@link dev.quire.kernel.mm.HostMemoryEvents} says what
 * each is in Linux.
 */
public enum HostEvent {
  /** Reclaim into the swap cache, a NUMA hint, or munmap and mmap of the same file. */
  UNMAP,
  WRITE_PROTECT,
  /** The mapping of a huge page by one entry becomes base entries. */
  SPLIT_PMD,
  /** A large folio becomes base pages. */
  SPLIT,
  MIGRATE,
  /** As khugepaged does it. */
  COLLAPSE,
  /** KVM drops second-stage entries of its own accord, as when it recovers huge pages. */
  ZAP;

  private final String text = name().toLowerCase(Locale.ROOT).replace('_', '-');

  /** As the command line spells it. */
  @Override
  public String toString() {
    return text;
  }
}
