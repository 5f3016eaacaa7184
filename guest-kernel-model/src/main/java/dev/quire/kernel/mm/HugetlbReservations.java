package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;

/**
 * Promises of hugetlb folios to mappings and files, and folios taken on them (Linux v6.18
 * mm/hugetlb.c: hugetlb_reserve_pages, alloc_hugetlb_folio, restore_reserve_on_error,
 * hugetlb_unreserve_pages, hugetlb_vm_op_close). Without subpools: no mount has limits of its own.
 * Used on the kernel's thread.
 */
final class HugetlbReservations {
  private final FrameTable frames;

  HugetlbReservations(Kernel kernel) {
    this.frames = kernel.frames();
  }

  /**
   * Reserves what a mapping of huge pages [from, to) of a file needs.
   *
   * @param vmFlags of the mapping to be made
   * @param owned the new map of a private mapping; null of a shared one
   * @return 0 or -ENOMEM
   */
  long reserve(HugetlbInode file, long from, long to, long vmFlags, ReservationMap owned) {
    if ((vmFlags & VmFlags.NORESERVE) != 0) {
      return 0;
    }
    ReservationMap map = file.reservations();
    long change = owned == null ? map.missing(from, to) : to - from;
    if (!file.hugetlbSize().pool().reserve(change)) {
      return -Errno.ENOMEM;
    }
    if (owned == null) {
      map.add(from, to);
    }
    return 0;
  }

  /** Huge pages [from, to) of a file are gone, {@code freed} of them were allocated. */
  void unreserve(HugetlbInode file, long from, long to, long freed) {
    long change = file.reservations().remove(from, to);
    file.hugetlbSize().pool().unreserve(change - freed);
  }

  /** The mapping goes for good: what it reserved and did not use goes back. */
  void close(Vma vma) {
    HugetlbVma hugetlb = vma.hugetlb();
    ReservationMap owned = hugetlb.owned();
    if (owned == null) {
      return;
    }
    long from = index(vma, vma.start());
    long to = index(vma, vma.end());
    hugetlb.size().pool().unreserve(owned.missing(from, to));
    hugetlb.disown();
  }

  /** The huge page of the file at an address of a mapping (vma_hugecache_offset). */
  static long index(Vma vma, long address) {
    return vma.pgoff(address) >>> vma.hugetlb().size().order();
  }

  private static ReservationMap map(Vma vma) {
    return vma.is(VmFlags.MAYSHARE)
        ? ((HugetlbInode) vma.file()).reservations()
        : vma.hugetlb().owned();
  }

  /** Whether no reservation waits for the page of a mapping (vma_needs_reservation). */
  private static boolean needed(Vma vma, long index) {
    ReservationMap map = map(vma);
    if (map == null) {
      return true;
    }
    boolean entry = map.count(index, index + 1) != 0;
    return entry != vma.is(VmFlags.MAYSHARE);
  }

  /**
   * A folio for a page of a mapping, with one reference.
   *
   * @param besidesReserve whether the page used its reservation before, and this is a copy of it
   * @return its first frame, or NONE: the pool has no more (ENOSPC)
   */
  long allocate(Vma vma, long address, boolean besidesReserve) {
    long index = index(vma, address);
    boolean needed = besidesReserve || needed(vma, index);
    long folio = take(vma.hugetlb().size(), !needed);
    if (folio != FrameTable.NONE && !besidesReserve) {
      ReservationMap map = map(vma);
      if (map != null) {
        map.add(index, index + 1);
      }
    }
    return folio;
  }

  /** {@link #allocate} for a page of a file that no mapping asks for (fallocate). */
  long allocate(HugetlbInode file, long index) {
    boolean promised = file.reservations().count(index, index + 1) != 0;
    long folio = take(file.hugetlbSize(), promised);
    if (folio != FrameTable.NONE) {
      file.reservations().add(index, index + 1);
    }
    return folio;
  }

  private long take(HugetlbSize size, boolean promised) {
    long folio = size.pool().allocate(promised);
    if (folio != FrameTable.NONE && promised) {
      frames.set(folio, PageFlag.RESTORE_RESERVE);
    }
    return folio;
  }

  /** A folio from {@link #allocate} is not used after all; the caller puts it (after an error). */
  void restore(Vma vma, long address, long folio) {
    long index = index(vma, address);
    boolean needed = needed(vma, index);
    ReservationMap map = map(vma);
    boolean shared = vma.is(VmFlags.MAYSHARE);
    if (frames.is(folio, PageFlag.RESTORE_RESERVE)) {
      if (needed) {
        // vma_add_reservation
        setPromised(map, index, shared);
      }
    } else if (!needed) {
      // vma_del_reservation: an allocation without reservation left an entry.
      setPromised(map, index, !shared);
    }
  }

  private static void setPromised(ReservationMap map, long index, boolean entry) {
    if (map != null) {
      if (entry) {
        map.add(index, index + 1);
      } else {
        map.remove(index, index + 1);
      }
    }
  }

  /**
   * A private page is taken out of its owner's mapping: the reservation it used waits for the next
   * fault again, and its folio gives it back when it is freed.
   */
  void releaseUsed(Vma vma, long address, long folio) {
    if (vma.hugetlb().owned() == null
        || vma.hugetlb().size().pool().surplus() != 0
        || !frames.is(folio, PageFlag.ANON)) {
      return;
    }
    frames.set(folio, PageFlag.RESTORE_RESERVE);
    long index = index(vma, address);
    vma.hugetlb().owned().remove(index, index + 1);
  }
}
