package dev.quire.lab.reproduce;

import dev.quire.kernel.mm.PageReport;
import dev.quire.kernel.mm.Process;
import dev.quire.mmu.Access;
import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import dev.quire.mmu.tlb.TlbCounters;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbHierarchy;
import dev.quire.mmu.tlb.TlbLevel;
import dev.quire.mmu.tlb.WalkedPages;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * What a compiler's accesses cost in a TLB, given how the modelled kernel laid out its memory: a
 * seeded stream over the pages that the process has mapped, through the TLB model.
 *
 * <p>The stream: bursts of {@link #BURST} fetches and {@link #BURST} loads and stores take turns.
 * In each, a page is chosen by popularity (rank to the power of -{@link #EXPONENT}, ranks scattered
 * over pieces of 64 KiB, within a piece in order: hot data lies together, but not in one place) and
 * used a few times. That is a shape, not a trace of a compiler; how much of its work such accesses
 * are is left to two free prices. After each turn the kernel has its own: its linear map is of base
 * pages (rodata=full, arm64's default before Linux 6.18), and shares L2 with the program.
 */
final class CompilerAccesses {
  private static final int ACCESSES = 1_500_000;
  private static final int WARM_UP = 300_000;
  private static final int BURST = 500;

  /** The kernel's accesses between two turns: an eighth of the user's, as its time is. */
  private static final int KERNEL_BURST = 2 * BURST / 8;

  /** Slab, page structures and tables that the kernel uses at a time. */
  private static final long KERNEL_BYTES = 8L << 20;

  private static final long KERNEL_ADDRESS = 0xffL << 40;
  private static final double EXPONENT = 0.8;

  /** Pages of 4 KiB that keep their order when popularity is scattered: 64 KiB. */
  private static final int PIECE_PAGES = 16;

  private static final int ASID = 1;
  private static final long TABLES = 1L << 38;

  private final WalkedPages pages = new WalkedPages();
  private final int baseOrder;
  private final boolean contiguousBit;
  private final int contiguousOrder;
  private final int levels;

  private final List<Integer> data = new ArrayList<>();
  private final List<Integer> code = new ArrayList<>();
  private final List<Integer> kernel = new ArrayList<>();
  private final List<Long> dataVpns = new ArrayList<>();
  private final List<Long> codeVpns = new ArrayList<>();

  /**
   * Cycles beyond those of hits in L1.
   *
   * @param data of loads and stores
   * @param code of fetches
   * @param kernel of the kernel's own loads and stores
   */
  record Cycles(double data, double code, double kernel) {}

  private CompilerAccesses(Process process) {
    var config = process.kernel().config();
    baseOrder = config.granule().baseOrder();
    contiguousBit = config.contPte() != null;
    contiguousOrder = config.granule().contiguousOrder();
    levels = baseOrder == 0 || baseOrder == 2 ? 4 : 3;
  }

  /**
   * Runs the stream.
   *
   * @param dataRanges address and bytes, in turn, of what is loaded and stored
   * @param codeRanges the same of what is fetched
   */
  static Cycles measure(
      Process process,
      List<long[]> dataRanges,
      List<long[]> codeRanges,
      TlbGeometry geometry,
      long seed) {
    CompilerAccesses accesses = new CompilerAccesses(process);
    for (long[] range : dataRanges) {
      accesses.collect(process, range, accesses.data, accesses.dataVpns);
    }
    for (long[] range : codeRanges) {
      accesses.collect(process, range, accesses.code, accesses.codeVpns);
    }
    accesses.addKernel();
    return accesses.run(geometry, seed);
  }

  private void collect(Process process, long[] range, List<Integer> ids, List<Long> vpns) {
    int[] last = {-1};
    process.pagemap(
        range[0],
        range[1],
        (address, page) -> {
          if (page.present()) {
            last[0] = add(address, page);
            for (int i = 0; i < 1 << baseOrder; i++) {
              ids.add(last[0]);
              vpns.add((address >>> Order.BASE_PAGE_SHIFT) + i);
            }
          }
        });
  }

  private int add(long address, PageReport page) {
    int order = page.huge() ? page.order() + baseOrder : baseOrder;
    return add(address, page.pfn() << baseOrder, order, inGroup(address, page), false);
  }

  private void addKernel() {
    long bytes = Order.bytes(baseOrder);
    for (long at = 0; at < KERNEL_BYTES; at += bytes) {
      // The linear map follows physical memory: frames behind those of the modelled machine.
      long pfn = (1L << 30) + (at >>> Order.BASE_PAGE_SHIFT);
      int id = add(KERNEL_ADDRESS + at, pfn, baseOrder, false, true);
      for (int i = 0; i < 1 << baseOrder; i++) {
        kernel.add(id);
      }
    }
  }

  private int add(long address, long pfn, int order, boolean grouped, boolean global) {
    PageWalk walk = new PageWalk();
    walk.begin();
    int entriesShift = Order.shift(baseOrder) - 3;
    for (int level = levels - 1; level >= 0; level--) {
      int shift = Order.shift(baseOrder) + level * entriesShift;
      long table = TABLES + (((long) level << 30) + (address >>> shift >>> entriesShift) << 16);
      long entry = (address >>> shift & (1L << entriesShift) - 1) * Long.BYTES;
      walk.step(table + entry, shift, PageWalk.NO_STAGE2, 0);
    }
    walk.end(pfn << Order.BASE_PAGE_SHIFT, PageWalk.NO_STAGE2, 0);
    walk.contiguous(grouped ? contiguousOrder : 0, 0);
    return pages.add(
        address, ASID, global, Translation.of(pfn, Protection.ALL, order, order), 1, walk, 0);
  }

  /** Whether the kernel would give the page's group the contiguous bit: one folio holds it. */
  private boolean inGroup(long address, PageReport page) {
    int groupPages = 1 << contiguousOrder - baseOrder;
    long vpn = address >>> Order.shift(baseOrder);
    boolean congruent = (vpn - page.pfn() & groupPages - 1) == 0;
    int position = (int) vpn & groupPages - 1;
    return contiguousBit
        && !page.huge()
        && congruent
        && page.index() >= position
        && page.index() - position + groupPages <= 1 << page.order();
  }

  private Cycles run(TlbGeometry geometry, long seed) {
    TlbHierarchy tlb = new TlbHierarchy(geometry, pages, seed);
    tlb.addressSpace(ASID, 0);
    Random random = new Random(seed);
    Popularity hotData = new Popularity(data.size(), random);
    Popularity hotCode = new Popularity(code.size(), random);
    Popularity hotKernel = new Popularity(kernel.size(), random);
    double dataCycles = 0;
    double codeCycles = 0;
    double kernelCycles = 0;
    for (int done = 0; done < WARM_UP + ACCESSES; done += 2 * BURST) {
      TlbCounters.Snapshot start = tlb.counters().snapshot();
      for (int i = 0; i < BURST; i++) {
        int at = hotCode.next(random);
        tlb.access(codeVpns.get(at), Access.FETCH, code.get(at));
      }
      TlbCounters.Snapshot middle = tlb.counters().snapshot();
      for (int i = 0; i < BURST; i++) {
        int at = hotData.next(random);
        int type = random.nextInt(3) == 0 ? Access.WRITE : Access.READ;
        tlb.access(dataVpns.get(at), type, data.get(at));
      }
      TlbCounters.Snapshot end = tlb.counters().snapshot();
      for (int i = 0; i < KERNEL_BURST; i++) {
        int at = hotKernel.next(random);
        tlb.access((KERNEL_ADDRESS >>> Order.BASE_PAGE_SHIFT) + at, Access.READ, kernel.get(at));
      }
      if (done >= WARM_UP) {
        codeCycles += cycles(middle.minus(start));
        dataCycles += cycles(end.minus(middle));
        kernelCycles += cycles(tlb.counters().snapshot().minus(end));
      }
    }
    return new Cycles(dataCycles, codeCycles, kernelCycles);
  }

  private static double cycles(TlbCounters.Snapshot counts) {
    return (double) counts.level(TlbLevel.L2).accesses() * counts.costs().l2ExtraCycles()
        + counts.walkCycles();
  }

  /** Pages by popularity. */
  private static final class Popularity {
    private final int[] order;
    private final double[] cumulative;

    Popularity(int count, Random random) {
      int pieces = (count + PIECE_PAGES - 1) / PIECE_PAGES;
      int[] places = new int[pieces];
      for (int i = 0; i < pieces; i++) {
        int j = random.nextInt(i + 1);
        places[i] = places[j];
        places[j] = i;
      }
      order = new int[count];
      int next = 0;
      for (int place : places) {
        for (int i = place * PIECE_PAGES; i < Math.min(count, (place + 1) * PIECE_PAGES); i++) {
          order[next++] = i;
        }
      }
      cumulative = new double[count];
      double sum = 0;
      for (int i = 0; i < count; i++) {
        sum += Math.pow(i + 1, -EXPONENT);
        cumulative[i] = sum;
      }
    }

    int next(Random random) {
      double at = random.nextDouble() * cumulative[cumulative.length - 1];
      int found = Arrays.binarySearch(cumulative, at);
      return order[Math.min(order.length - 1, found < 0 ? -found - 1 : found)];
    }
  }
}
