package dev.quire.mmu.x86;

import dev.quire.mmu.Access;
import dev.quire.mmu.ArchitecturalTlb;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.oracle.WordMemory;
import java.util.HashMap;
import java.util.Map;

/**
 * An MMU over 4-level tables built on demand, with a soft TLB that keeps every fill until told.
 *
 * <pre>
 * page  0: unused   1: PML4   2..: tables as they are needed
 * </pre>
 */
final class MmuFixture {
  static final int PHYSICAL_BITS = 40;
  static final long ROOT = 0x1000;
  static final long PAGING = Cr0.PE | Cr0.PG | Cr0.WP;
  static final long LONG_MODE = Efer.LME | Efer.LMA | Efer.NXE;
  static final long USER_PAGE = Ia32ePte.P | Ia32ePte.RW | Ia32ePte.US;

  /** A fill of a page for one privilege: the engine has a soft TLB for each. */
  record FillKey(long page, int mode) {}

  final WordMemory memory = new WordMemory(256);
  final MmuCounters counters = new MmuCounters();
  final X86Mmu mmu;
  final Map<FillKey, Long> fills = new HashMap<>();
  int fullFlushes;
  int pageFlushes;
  private int nextPage = 2;

  MmuFixture() {
    this(WalkComparison.IDENTITY, ArchitecturalTlb.DEFAULT_ENTRY_LIMIT);
  }

  MmuFixture(SecondStage secondStage, int tlbEntries) {
    mmu =
        new X86Mmu(memory, secondStage, counters, PHYSICAL_BITS, new ArchitecturalTlb(tlbEntries));
    mmu.attach(
        new FillCache() {
          @Override
          public void flushAll() {
            fullFlushes++;
            fills.clear();
          }

          @Override
          public void flushPage(long va) {
            pageFlushes++;
            fills.keySet().removeIf(key -> key.page == va >>> 12);
          }
        });
    fullFlushes = 0;
  }

  static MmuFixture longMode(long cr4) {
    return longMode(cr4, WalkComparison.IDENTITY, ArchitecturalTlb.DEFAULT_ENTRY_LIMIT);
  }

  static MmuFixture longMode(long cr4, SecondStage secondStage, int tlbEntries) {
    MmuFixture fixture = new MmuFixture(secondStage, tlbEntries);
    RegisterWrite done = fixture.mmu.control().load(PAGING, ROOT, Cr4.PAE | cr4, LONG_MODE);
    if (done != RegisterWrite.DONE) {
      throw new AssertionError(done);
    }
    fixture.fullFlushes = 0;
    return fixture;
  }

  long allocate() {
    return nextPage++ * 0x1000L;
  }

  /** Where the entry of a level is that maps {@code va} under this root; tables are made. */
  long entryAt(long root, long va, int level) {
    long table = root;
    for (int upper = 4; upper > level; upper--) {
      long at = table + (va >>> 12 + 9 * (upper - 1) & 511) * 8;
      if (memory.readLong(at) == 0) {
        memory.writeLong(at, allocate() | USER_PAGE);
      }
      table = memory.readLong(at) & Ia32ePte.ADDRESS;
    }
    return table + (va >>> 12 + 9 * (level - 1) & 511) * 8;
  }

  void map(long va, long pa, long flags) {
    memory.writeLong(entryAt(ROOT, va, 1), pa | flags);
  }

  void mapIn(long root, long va, long pa, long flags) {
    memory.writeLong(entryAt(root, va, 1), pa | flags);
  }

  void mapLarge(long va, long pa, long flags) {
    memory.writeLong(entryAt(ROOT, va, 2), pa | flags | Ia32ePte.PS);
  }

  long pte(long va) {
    return memory.readLong(entryAt(ROOT, va, 1));
  }

  /** The physical page an access reaches through the soft TLB, or -1 - fault kind. */
  long access(long va, int access) {
    FillKey key = new FillKey(va >>> 12, access & ~Access.TYPE_MASK);
    Long fill = fills.get(key);
    if (fill != null && (Translation.rights(fill) & Protection.neededBy(access)) != 0) {
      return Translation.pa(fill);
    }
    long translation = mmu.translate(va, access);
    if (Translation.failed(translation)) {
      return -1L - Translation.kind(translation);
    }
    fills.put(key, translation);
    return Translation.pa(translation);
  }

  long read(long va) {
    return access(va, Access.READ | Access.USER);
  }
}
