package dev.quire.mmu.arm64;

import dev.quire.mmu.Order;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.arm64.oracle.ArrayMemory;

/** Builds tables in memory through {@link PteFormat} alone, taking frames one after the other. */
final class TableBuilder {
  private final ArrayMemory memory;
  private final PteFormat format;
  private final FrameSource frames;
  private final long rootPa;

  /** Where tables come from: the next address aligned to a table of an order. */
  static final class FrameSource {
    private long nextPa;

    FrameSource(long firstPa) {
      nextPa = firstPa;
    }

    long take(int order) {
      long pa = nextPa + Order.offsetMask(order) & ~Order.offsetMask(order);
      nextPa = pa + Order.bytes(order);
      return pa;
    }
  }

  TableBuilder(ArrayMemory memory, PteFormat format, FrameSource frames) {
    this.memory = memory;
    this.format = format;
    this.frames = frames;
    this.rootPa = frames.take(format.tableOrder(format.rootLevel()));
  }

  long rootPa() {
    return rootPa;
  }

  /** Maps the leaf of {@code level} (0: a page) at {@code address}; gives the entry's address. */
  long map(long address, long pa, int level, int protection) {
    long entryPa = entryPa(address, level);
    memory.writeLong(entryPa, format.leaf(pa >>> Order.BASE_PAGE_SHIFT, level, protection));
    return entryPa;
  }

  /** The address of the entry of {@code level} for {@code address}; tables above it are made. */
  long entryPa(long address, int level) {
    long tablePa = rootPa;
    for (int at = format.rootLevel(); at > level; at--) {
      long entryPa = tablePa + 8L * format.index(address, at);
      long entry = memory.readLong(entryPa);
      if (!format.isPresent(entry)) {
        entry = format.table(frames.take(format.tableOrder(at - 1)) >>> Order.BASE_PAGE_SHIFT, at);
        memory.writeLong(entryPa, entry);
      }
      tablePa = format.pfn(entry, at) << Order.BASE_PAGE_SHIFT;
    }
    return tablePa + 8L * format.index(address, level);
  }
}
