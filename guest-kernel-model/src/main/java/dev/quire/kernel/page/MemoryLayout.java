package dev.quire.kernel.page;

import java.util.ArrayList;
import java.util.List;

/**
 * The physical memory of a modelled machine and how its kernel divides it. Frames are numbered from
 * 0 without holes.
 *
 * @param pageShift log2 of the bytes of a base page: 12, 14 or 16
 * @param maxOrder the largest order of the buddy allocator (MAX_PAGE_ORDER)
 * @param pmdOrder the order that one entry of the last but one table level maps
 * @param zones from the lowest addresses up, adjacent
 * @param reservedPages frames from 0 on that are the kernel's own image and never free
 * @param cpus CPUs that the high marks of the per-CPU lists are divided by
 * @param fragmentation which blocks cannot be had whole
 */
public record MemoryLayout(
    int pageShift,
    int maxOrder,
    int pmdOrder,
    List<Zone> zones,
    long reservedPages,
    int cpus,
    Fragmentation fragmentation) {

  /** The zones that user memory comes from, lowest first. */
  public enum ZoneKind {
    DMA,
    DMA32,
    NORMAL
  }

  /**
   * A zone.
   *
   * @param endPfn the frame after its last
   */
  public record Zone(ZoneKind kind, long firstPfn, long endPfn) {
    long pages() {
      return endPfn - firstPfn;
    }
  }

  private static final long MIB = 1 << 20;
  private static final long RESERVED_BYTES = MIB;
  private static final int DEFAULT_CPUS = 4;

  public MemoryLayout {
    zones = List.copyOf(zones);
    long next = 0;
    for (Zone zone : zones) {
      if (zone.firstPfn != next || zone.endPfn <= next) {
        throw new IllegalArgumentException("zones are not adjacent: " + zones);
      }
      next = zone.endPfn;
    }
    if (reservedPages < 0 || reservedPages >= next || cpus < 1 || maxOrder > 18) {
      throw new IllegalArgumentException("memory of " + next + " pages, " + reservedPages);
    }
  }

  /** An x86-64 machine: 16 MiB for ISA devices, 4 GiB for 32-bit ones, and the rest. */
  public static MemoryLayout x86(long pages) {
    List<Zone> zones = new ArrayList<>();
    addZone(zones, ZoneKind.DMA, pages, 16 * MIB >>> 12);
    addZone(zones, ZoneKind.DMA32, pages, 4096 * MIB >>> 12);
    addZone(zones, ZoneKind.NORMAL, pages, Long.MAX_VALUE);
    return of(12, 10, 9, zones, pages);
  }

  /** An arm64 machine: the lowest 4 GiB are zone DMA, DMA32 is empty. */
  public static MemoryLayout arm64(int pageShift, long pages) {
    List<Zone> zones = new ArrayList<>();
    addZone(zones, ZoneKind.DMA, pages, 4096 * MIB >>> pageShift);
    addZone(zones, ZoneKind.NORMAL, pages, Long.MAX_VALUE);
    int pmdOrder = pageShift - 3;
    // arch/arm64/Kconfig, ARCH_FORCE_MAX_ORDER
    int maxOrder =
        switch (pageShift) {
          case 12 -> 10;
          case 14 -> 11;
          case 16 -> 13;
          default -> throw new IllegalArgumentException("page shift " + pageShift);
        };
    return of(pageShift, maxOrder, pmdOrder, zones, pages);
  }

  private static MemoryLayout of(
      int pageShift, int maxOrder, int pmdOrder, List<Zone> zones, long pages) {
    long reserved = Math.min(Math.max(1, RESERVED_BYTES >>> pageShift), pages / 2);
    return new MemoryLayout(
        pageShift, maxOrder, pmdOrder, zones, reserved, DEFAULT_CPUS, Fragmentation.NONE);
  }

  private static void addZone(List<Zone> zones, ZoneKind kind, long pages, long end) {
    long first = zones.isEmpty() ? 0 : zones.getLast().endPfn;
    if (first < pages) {
      zones.add(new Zone(kind, first, Math.min(end, pages)));
    }
  }

  public MemoryLayout withFragmentation(Fragmentation other) {
    return new MemoryLayout(pageShift, maxOrder, pmdOrder, zones, reservedPages, cpus, other);
  }

  public MemoryLayout withReservedPages(long other) {
    return new MemoryLayout(pageShift, maxOrder, pmdOrder, zones, other, cpus, fragmentation);
  }

  public MemoryLayout withCpus(int other) {
    return new MemoryLayout(
        pageShift, maxOrder, pmdOrder, zones, reservedPages, other, fragmentation);
  }

  /** Base pages of the machine. */
  public long pages() {
    return zones.getLast().endPfn;
  }
}
