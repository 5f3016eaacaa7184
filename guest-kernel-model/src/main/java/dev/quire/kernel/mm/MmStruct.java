package dev.quire.kernel.mm;

import dev.quire.kernel.stat.Primitive;
import java.util.ArrayList;
import java.util.List;

/**
 * The address space of a process: its mappings, its page tables and what it uses (struct
 * mm_struct). Used on the kernel's thread.
 */
final class MmStruct {
  private final Kernel kernel;
  private final int id;
  private final int pageShift;
  private final VmaTree vmas;
  private final PageTables tables;
  private final List<MmuNotifier> notifiers = new ArrayList<>(0);
  private long anonPages;
  private long filePages;
  private long shmemPages;
  private long hugetlbPages;
  private long lockedPages;
  private boolean holdsHugeZero;
  private boolean hasPinned;

  MmStruct(Kernel kernel, int id, PageTables tables) {
    this.kernel = kernel;
    this.id = id;
    this.pageShift = kernel.pageShift();
    this.vmas = new VmaTree(kernel.counters());
    this.tables = tables;
  }

  Kernel kernel() {
    return kernel;
  }

  /** Names the address space to the reverse map: 1 or more, never given twice. */
  int id() {
    return id;
  }

  int pageShift() {
    return pageShift;
  }

  VmaTree vmas() {
    return vmas;
  }

  PageTables tables() {
    return tables;
  }

  /** Adds to the resident anonymous pages (MM_ANONPAGES). */
  void addAnon(long pages) {
    kernel.counters().count(Primitive.MM_COUNTER_UPDATE);
    anonPages += pages;
  }

  /** Adds to the resident pages of files (MM_FILEPAGES, or MM_SHMEMPAGES). */
  void addFile(long pages, boolean shmem) {
    kernel.counters().count(Primitive.MM_COUNTER_UPDATE);
    if (shmem) {
      shmemPages += pages;
    } else {
      filePages += pages;
    }
  }

  long anonPages() {
    return anonPages;
  }

  long filePages() {
    return filePages;
  }

  long shmemPages() {
    return shmemPages;
  }

  /** Adds to the base pages of hugetlb folios that are mapped (hugetlb_usage). */
  void addHugetlb(long pages) {
    kernel.counters().count(Primitive.MM_COUNTER_UPDATE);
    hugetlbPages += pages;
  }

  long hugetlbPages() {
    return hugetlbPages;
  }

  /** Base pages of VMAs that are locked (locked_vm). */
  long lockedPages() {
    return lockedPages;
  }

  void addLocked(long pages) {
    lockedPages += pages;
  }

  /** Whether the process holds a reference to the huge zero folio (MMF_HUGE_ZERO_FOLIO). */
  boolean holdsHugeZero() {
    return holdsHugeZero;
  }

  void setHoldsHugeZero() {
    holdsHugeZero = true;
  }

  /** Whether it ever had a page pinned (MMF_HAS_PINNED). */
  boolean hasPinned() {
    return hasPinned;
  }

  void setHasPinned() {
    hasPinned = true;
  }

  void addNotifier(MmuNotifier notifier) {
    notifiers.add(notifier);
  }

  void removeNotifier(MmuNotifier notifier) {
    notifiers.remove(notifier);
  }

  /** Makes sure that a VMA has an anon_vma (anon_vma_prepare). */
  void prepareAnon(Vma vma) {
    if (vma.anonVma() == null) {
      AnonVma.prepare(vma, VmaEdits.mergeableAnon(vma));
    }
  }

  /** Secondary translations of a range must go now (mmu_notifier_invalidate_range_start). */
  void invalidateStart(long address, long bytes) {
    for (int i = 0; i < notifiers.size(); i++) {
      notifiers.get(i).invalidateStart(address, bytes);
    }
  }

  void invalidateEnd(long address, long bytes) {
    for (int i = 0; i < notifiers.size(); i++) {
      notifiers.get(i).invalidateEnd(address, bytes);
    }
  }
}
