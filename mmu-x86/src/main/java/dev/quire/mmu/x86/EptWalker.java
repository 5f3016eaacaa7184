package dev.quire.mmu.x86;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.Translation;

/**
 * The walk of extended page tables, 4 or 5 levels, in the order of SDM vol. 3C 28.3.2 and 28.3.3.
 *
 * <p>Failures: {@link FaultRecord#STAGE2} is an EPT violation, its syndrome an {@link
 * ExitQualification}; {@link FaultRecord#STAGE2_MISCONFIGURED} an EPT misconfiguration; {@link
 * FaultRecord#EXTERNAL} an EPT table where no memory is. Levels are the manual's (1 is the page
 * table).
 *
 * <p>Accessed and dirty flags (EPTP bit 6) are set when the access succeeds; a page is granted
 * WRITE only once it is dirty. With mode-based execute control a fetch needs the execute right of
 * {@link Access#USER_PAGE}, or that of supervisor pages. Owned by the vCPU's thread; allocates
 * nothing. {@code gpa} guest physical, {@code pa} host physical.
 */
public final class EptWalker implements SecondStage {
  private static final int INDEX_BITS = 9;
  private static final int MAX_LEVELS = 5;
  private static final long HARDWARE_FLAGS = EptEntry.A | EptEntry.D;
  private static final long ENTRY_CHANGED = Translation.failure(FaultRecord.NONE);

  private final PhysicalMemory memory;
  private final MmuCounters counters;
  private final int physicalAddressBits;
  private final long[] entries = new long[MAX_LEVELS + 1];
  private final long[] entryPas = new long[MAX_LEVELS + 1];
  private long rootPa;
  private int rootLevel;
  private boolean accessedDirty;
  private boolean modeBasedExecute;
  private int references;
  private int attributes;

  /**
   * @param physicalAddressBits the width of physical addresses (MAXPHYADDR), 32 to 52
   * @param eptp the root, see {@link #setEptp}
   */
  public EptWalker(
      PhysicalMemory memory, MmuCounters counters, int physicalAddressBits, long eptp) {
    this.memory = memory;
    this.counters = counters;
    this.physicalAddressBits = physicalAddressBits;
    setEptp(eptp);
  }

  /** Changes the root. Translations made of the old one are the caller's to invalidate. */
  public void setEptp(long eptp) {
    int levels = Eptp.levels(eptp);
    if (levels != 4 && levels != MAX_LEVELS) {
      throw new IllegalArgumentException("EPT has 4 or 5 levels, not " + levels);
    }
    rootPa = Eptp.root(eptp);
    rootLevel = levels;
    accessedDirty = (eptp & Eptp.ACCESSED_DIRTY) != 0;
  }

  /** The VM-execution control of that name. The caller invalidates, as for {@link #setEptp}. */
  public void setModeBasedExecute(boolean enabled) {
    modeBasedExecute = enabled;
  }

  /** The memory type of the last leaf, with {@link MemoryType#IGNORE_PAT}. */
  @Override
  public int attributes() {
    return attributes;
  }

  @Override
  public int references() {
    return references;
  }

  @Override
  public long translate(long gpa, int access, FaultRecord fault) {
    long translation;
    do {
      translation = attempt(gpa, access, fault);
    } while (translation == ENTRY_CHANGED);
    return translation;
  }

  private long attempt(long gpa, int access, FaultRecord fault) {
    if (gpa >>> Order.shift(INDEX_BITS * rootLevel) != 0) {
      // 28.3.2: bits beyond the walk's width must be 0, else an EPT violation.
      return violation(gpa, access, 0, rootLevel, fault);
    }
    long tablePa = rootPa;
    long present = EptEntry.RIGHTS | (modeBasedExecute ? EptEntry.USER_EXECUTE : 0);
    long rights = present;
    long entry;
    int level = rootLevel;
    for (; ; level--) {
      long index = gpa >>> Order.shift(INDEX_BITS * (level - 1)) & (1 << INDEX_BITS) - 1;
      long entryPa = tablePa + index * Long.BYTES;
      if (!memory.contains(entryPa, Long.BYTES)) {
        int seen = access & ~Access.USER_PAGE;
        return fault.set(FaultRecord.EXTERNAL, 0, gpa, seen, level, 0);
      }
      entry = memory.readLong(entryPa);
      entries[level] = entry;
      entryPas[level] = entryPa;
      if (!Access.isProbe(access)) {
        counters.increment(MmuEvent.STAGE2_REFERENCE);
      }
      // 28.3.3.3: not present, then misconfigured, then the rights of all levels.
      if ((entry & present) == 0) {
        return violation(gpa, access, 0, level, fault);
      }
      if (EptEntry.isMisconfigured(entry, level, physicalAddressBits)) {
        int seen = access & ~Access.USER_PAGE;
        return fault.set(FaultRecord.STAGE2_MISCONFIGURED, 0, gpa, seen, level, 0);
      }
      rights &= entry;
      if (EptEntry.mapsPage(entry, level)) {
        break;
      }
      tablePa = entry & Ia32ePte.ADDRESS;
    }
    boolean writes = Access.isWrite(access) || accessedDirty && Access.isTableWalk(access);
    long needed = Protection.neededBy(access) | (writes ? EptEntry.WRITE : 0);
    int allowed = allowed(rights, access);
    if ((allowed & needed) != needed) {
      return violation(gpa, access, rights, level, fault);
    }
    references = rootLevel - level + 1;
    attributes =
        EptEntry.memoryType(entry)
            | ((entry & EptEntry.IGNORE_PAT) != 0 ? MemoryType.IGNORE_PAT : 0);
    if (accessedDirty) {
      if (!Access.isProbe(access) && !setFlags(level, writes)) {
        return ENTRY_CHANGED;
      }
      if (!writes && (entry & EptEntry.D) == 0) {
        allowed &= ~Protection.WRITE;
      }
    }
    int order = INDEX_BITS * (level - 1);
    long pa = entry & Ia32ePte.ADDRESS | gpa & Order.offsetMask(order);
    return Translation.of(pa >>> Order.BASE_PAGE_SHIFT, allowed, order, order);
  }

  /** The {@link Protection} for the page's mode: EPT's R, W, X stand where that has them. */
  private int allowed(long rights, int access) {
    int allowed = (int) (rights & EptEntry.RIGHTS);
    if (modeBasedExecute && (access & Access.USER_PAGE) != 0) {
      allowed &= ~Protection.EXEC;
      allowed |= (rights & EptEntry.USER_EXECUTE) != 0 ? Protection.EXEC : 0;
    }
    return allowed;
  }

  /** SDM 28.3.5: A in every entry used, D in the leaf of a write. */
  private boolean setFlags(int leafLevel, boolean writes) {
    for (int level = rootLevel; level >= leafLevel; level--) {
      boolean dirties = level == leafLevel && writes;
      long flags = (dirties ? HARDWARE_FLAGS : EptEntry.A) & ~entries[level];
      if (flags != 0) {
        if (!EntryFlags.set(
            memory, entryPas[level], Long.BYTES, entries[level], flags, HARDWARE_FLAGS)) {
          return false;
        }
        counters.add(MmuEvent.ACCESSED_SET, Long.bitCount(flags & EptEntry.A));
        counters.add(MmuEvent.DIRTY_SET, Long.bitCount(flags & EptEntry.D));
      }
    }
    return true;
  }

  private long violation(long gpa, int access, long rights, int level, FaultRecord fault) {
    long qualification = ExitQualification.of(access, rights, accessedDirty);
    int seen = access & ~Access.USER_PAGE;
    return fault.set(FaultRecord.STAGE2, 0, gpa, seen, level, qualification);
  }
}
