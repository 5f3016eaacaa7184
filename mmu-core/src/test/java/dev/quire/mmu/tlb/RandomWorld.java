package dev.quire.mmu.tlb;

import dev.quire.mmu.PageWalk;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A few gigabytes of address space mapped at random but soundly: leaves of all sizes at both stages
 * do not overlap, contiguous groups are whole, and half of the space is the same and global in
 * every address space. {@link #remap} maps one gigabyte anew.
 */
final class RandomWorld {
  private static final int GIGABYTES = 4;
  private static final int GIGABYTE_ORDER = 18;
  private static final long VPN_BASE = 0x7f00_0000L;

  private final long seed;
  private final boolean virtual;
  private final boolean fiveLevels;
  private final int[] versions = new int[GIGABYTES];
  private final List<Long> pool = new ArrayList<>();
  private final WalkedPages pages;
  private final Map<String, Integer> ids = new HashMap<>();

  RandomWorld(Random random, WalkedPages pages) {
    this.pages = pages;
    seed = random.nextLong();
    virtual = random.nextInt(4) != 0;
    fiveLevels = random.nextInt(4) == 0;
    for (int cluster = 0; cluster < 12; cluster++) {
      long base = VPN_BASE + random.nextInt(GIGABYTES << GIGABYTE_ORDER);
      for (int i = 0; i < 8; i++) {
        pool.add(base + random.nextInt(1 << random.nextInt(11)));
      }
    }
    pool.replaceAll(vpn -> Math.min(vpn, VPN_BASE + (GIGABYTES << GIGABYTE_ORDER) - 1));
  }

  long anyVpn(Random random) {
    return pool.get(random.nextInt(pool.size()));
  }

  /** The first page of the gigabyte. */
  long remap(long vpn) {
    versions[gigabyte(vpn)]++;
    return vpn >>> GIGABYTE_ORDER << GIGABYTE_ORDER;
  }

  int idOf(long vpn, int asid, int vmid) {
    ReferencePage page = page(vpn, asid, vmid);
    String key = (vpn >>> page.order()) + "/" + asid + "/" + vmid + "/" + versions[gigabyte(vpn)];
    return ids.computeIfAbsent(key, absent -> page.addTo(pages, asid));
  }

  ReferencePage page(long vpn, int asid, int vmid) {
    boolean global = gigabyte(vpn) % 2 == 0;
    int space = global ? 0 : asid;
    int stage1 = stage1Order(vpn, space, vmid);
    int stage1Group = stage1 == 0 && chance(vpn >>> 4, space, vmid, 3, 3) ? 4 : 0;
    long gpn = gpn(vpn, space);
    int stage2 = virtual ? stage2Order(gpn, vmid, versions[gigabyte(vpn)]) : PageWalk.NO_STAGE2;
    int stage2Group = stage2 == 0 && chance(gpn >>> 4, 0, vmid, 7, 3) ? 4 : 0;
    int order = virtual ? Math.min(stage1, stage2) : stage1;
    int neighbours = 0;
    long first = vpn >>> order >>> 3 << 3;
    for (int i = 0; i < 8; i++) {
      long other = (first + i << order) + vpn % (1L << order);
      boolean same =
          gigabyte(other) == gigabyte(vpn)
              && orderOf(other, space, vmid) == order
              && pfn(other, space, vmid) - pfn(vpn, space, vmid) == other - vpn;
      neighbours |= same ? 1 << i : 0;
    }
    return new ReferencePage(
        vpn << 12,
        global,
        stage1,
        stage1Group,
        stage2,
        stage2Group,
        gpn << 12,
        pfn(vpn, space, vmid),
        neighbours,
        steps(vpn, space, vmid, stage1),
        virtual ? references(stage2) : 0);
  }

  private List<ReferencePage.Step> steps(long vpn, int space, int vmid, int stage1) {
    List<ReferencePage.Step> steps = new ArrayList<>();
    for (int shift = fiveLevels ? 48 : 39; shift >= 12 + stage1; shift -= 9) {
      long table = mix(vpn >>> Math.min(shift - 12 + 9, 40), space, shift, 11) & 0xff;
      long gpa = (0x10_0000 + table << 12) + (vpn >>> shift - 12 & 511) * 8;
      int stage2 = virtual ? stage2Order(gpa >>> 12, vmid, 0) : PageWalk.NO_STAGE2;
      steps.add(new ReferencePage.Step(gpa, shift, stage2, virtual ? references(stage2) : 0));
    }
    return steps;
  }

  private static int references(int stage2Order) {
    return stage2Order == 18 ? 2 : stage2Order == 9 ? 3 : 4;
  }

  private int orderOf(long vpn, int space, int vmid) {
    int stage1 = stage1Order(vpn, space, vmid);
    return virtual
        ? Math.min(stage1, stage2Order(gpn(vpn, space), vmid, versions[gigabyte(vpn)]))
        : stage1;
  }

  private int stage1Order(long vpn, int space, int vmid) {
    int version = versions[gigabyte(vpn)];
    if (chance(vpn >>> 18, space, vmid, 100 + version, 5)) {
      return 18;
    }
    return chance(vpn >>> 9, space, vmid, 200 + version, 3) ? 9 : 0;
  }

  private int stage2Order(long gpn, int vmid, int version) {
    if (chance(gpn >>> 18, 0, vmid, 300 + version, 4)) {
      return 18;
    }
    return chance(gpn >>> 9, 0, vmid, 400 + version, 3) ? 9 : 0;
  }

  /** As far into guest memory as the page is into virtual memory. */
  private static long gpn(long vpn, int space) {
    return vpn - VPN_BASE + ((long) (space + 1) << GIGABYTE_ORDER + 3);
  }

  /** In runs: some eights of pages are in order, others shuffled by twos or ones. */
  private long pfn(long vpn, int space, int vmid) {
    if (orderOf(vpn, space, vmid) != 0) {
      return gpn(vpn, space);
    }
    long shuffle = mix(vpn >>> 3, space, vmid, 13) & 7;
    return gpn(vpn, space) ^ (shuffle < 4 ? 0 : shuffle);
  }

  private boolean chance(long page, int space, int vmid, int salt, int oneIn) {
    return Long.remainderUnsigned(mix(page, space, vmid, salt), oneIn) == 0;
  }

  private long mix(long a, int b, int c, int d) {
    return new Random(seed ^ a * 0x9E3779B97F4A7C15L ^ b * 31L ^ (long) c << 20 ^ (long) d << 40)
        .nextLong();
  }

  private static int gigabyte(long vpn) {
    return (int) (vpn - VPN_BASE >>> GIGABYTE_ORDER) & GIGABYTES - 1;
  }
}
