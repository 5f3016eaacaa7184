package dev.quire.mmu.x86;

import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;

/**
 * What CR0, CR4 and IA32_EFER mean for a walk: the paging mode, its modifiers, and which bits of an
 * entry are reserved. Immutable; a new one is made when one of the registers changes.
 *
 * <p>Source: SDM vol. 3A 4.1.3 (modifiers) and the entry formats of 4.3 to 4.5.
 */
final class PagingRegime {
  private static final int LEVELS = PagingMode.FIVE_LEVEL.rootLevel() + 1;
  private static final int PSE36_BITS = 40;

  private final PagingMode mode;
  private final int physicalAddressBits;
  private final boolean writeProtect;
  private final boolean smep;
  private final boolean smap;
  private final boolean globalPages;
  private final boolean reportsFetch;
  private final int userKeys;
  private final int supervisorKeys;
  private final int leafLevels;
  private final long[] reservedInTable = new long[LEVELS];
  private final long[] reservedInLeaf = new long[LEVELS];

  /**
   * @param pkru PKRU, in use with CR4.PKE in IA-32e modes
   * @param pkrs IA32_PKRS, the same with CR4.PKS
   */
  PagingRegime(long cr0, long cr4, long efer, int pkru, int pkrs, int physicalAddressBits) {
    this.mode = modeOf(cr0, cr4, efer);
    this.physicalAddressBits = physicalAddressBits;
    boolean paging = mode != PagingMode.NONE;
    writeProtect = paging && (cr0 & Cr0.WP) != 0;
    smep = paging && (cr4 & Cr4.SMEP) != 0;
    smap = paging && (cr4 & Cr4.SMAP) != 0;
    globalPages = paging && (cr4 & Cr4.PGE) != 0;
    boolean noExecute = (efer & Efer.NXE) != 0;
    reportsFetch = smep || noExecute && (cr4 & Cr4.PAE) != 0;
    userKeys = mode.isIa32e() && (cr4 & Cr4.PKE) != 0 ? pkru : 0;
    supervisorKeys = mode.isIa32e() && (cr4 & Cr4.PKS) != 0 ? pkrs : 0;
    leafLevels =
        switch (mode) {
          case NONE -> 0;
          case BITS_32 -> (cr4 & Cr4.PSE) != 0 ? 1 << 2 : 0;
          case PAE -> 1 << 2;
          case FOUR_LEVEL, FIVE_LEVEL -> 1 << 2 | 1 << 3;
        };
    if (mode == PagingMode.BITS_32) {
      reservedInLeaf[2] = reservedInLargePage32(physicalAddressBits);
    } else {
      reserveInWideEntries(noExecute);
    }
  }

  /** The paging mode, SDM 4.1.1. LMA is LME with paging. */
  static PagingMode modeOf(long cr0, long cr4, long efer) {
    if ((cr0 & Cr0.PG) == 0) {
      return PagingMode.NONE;
    }
    if ((cr4 & Cr4.PAE) == 0) {
      return PagingMode.BITS_32;
    }
    if ((efer & Efer.LME) == 0) {
      return PagingMode.PAE;
    }
    return (cr4 & Cr4.LA57) == 0 ? PagingMode.FOUR_LEVEL : PagingMode.FIVE_LEVEL;
  }

  /** Table 4-4: bit 21, and the address bits 39:32 in 20:13 that exceed the physical width. */
  private static long reservedInLargePage32(int physicalAddressBits) {
    int width = Math.min(physicalAddressBits, PSE36_BITS);
    return bits(21, 21) | bits(20, width - 19);
  }

  /** Tables 4-9 to 4-11 (PAE) and 4-14 to 4-20 (IA-32e). */
  private void reserveInWideEntries(boolean noExecute) {
    long everywhere = bits(51, physicalAddressBits);
    if (!noExecute) {
      everywhere |= Ia32ePte.XD;
    }
    if (mode == PagingMode.PAE) {
      everywhere |= bits(62, 52);
    }
    for (int level = 1; level < LEVELS; level++) {
      reservedInTable[level] = everywhere | (level >= 4 ? Ia32ePte.PS : 0);
      reservedInLeaf[level] = everywhere;
    }
    reservedInLeaf[2] |= bits(20, 13);
    reservedInLeaf[3] |= bits(29, 13);
  }

  /** A mask of the bits {@code high} to {@code low}; empty if {@code low > high}. */
  private static long bits(int high, int low) {
    return low > high ? 0 : (-1L >>> 63 - high) & (-1L << low);
  }

  PagingMode mode() {
    return mode;
  }

  int physicalAddressBits() {
    return physicalAddressBits;
  }

  /** CR0.WP: a supervisor write needs R/W. */
  boolean writeProtect() {
    return writeProtect;
  }

  boolean smep() {
    return smep;
  }

  boolean smap() {
    return smap;
  }

  /** The register with the rights of protection keys; 0, which denies nothing, if not in use. */
  int keys(boolean userPage) {
    return userPage ? userKeys : supervisorKeys;
  }

  boolean globalPages() {
    return globalPages;
  }

  /** Whether #PF error codes tell fetches (SDM 4.7, I/D flag). */
  boolean reportsFetch() {
    return reportsFetch;
  }

  /** Whether {@code va} is canonical, in the modes that ask for it (SDM vol. 1 3.3.7.1). */
  boolean isCanonical(long va) {
    int unused = Long.SIZE - mode.linearBits();
    return !mode.isIa32e() || va << unused >> unused == va;
  }

  /** The linear address: without IA-32e mode only 32 bits of it exist. */
  long linear(long va) {
    return mode.isIa32e() ? va : va & 0xffff_ffffL;
  }

  /** Offset of the entry for {@code va} in its table of this level, in bytes. */
  long entryOffset(long va, int level) {
    int indexBits = mode.indexBits();
    long index = va >>> Order.shift(indexBits * (level - 1)) & (1L << indexBits) - 1;
    return index * mode.entryBytes();
  }

  /** The entry, zero-extended. */
  long readEntry(PhysicalMemory memory, long pa) {
    return mode.entryBytes() == Integer.BYTES
        ? Integer.toUnsignedLong(memory.readInt(pa))
        : memory.readLong(pa);
  }

  boolean isLeaf(long entry, int level) {
    return level == 1 || (leafLevels >>> level & 1) != 0 && (entry & Ia32ePte.PS) != 0;
  }

  /** The bits that must be 0 in a present entry. */
  long reserved(int level, boolean leaf) {
    return leaf ? reservedInLeaf[level] : reservedInTable[level];
  }

  /** The order of a leaf at this level. */
  int leafOrder(int level) {
    return mode.indexBits() * (level - 1);
  }

  /** The protection key of a leaf. */
  int leafKey(long entry) {
    return mode.isIa32e() ? ProtectionKeys.key(entry) : 0;
  }

  /** The entry of IA32_PAT that a leaf selects (SDM vol. 3A 4.9.2). */
  static int leafPatIndex(long entry, int level) {
    int pat = (int) (level == 1 ? entry >>> 7 : entry >>> 12) & 1;
    return pat << 2 | (int) (entry >>> 3) & 3;
  }

  /** Guest physical address of the page that a leaf maps. */
  long leafAddress(long entry, int level) {
    if (mode == PagingMode.BITS_32 && level == 2) {
      // PSE-36, table 4-4: bits 20:13 hold the address bits 39:32.
      return entry & 0xffc0_0000L | (entry >>> 13 & 0xff) << 32;
    }
    return entry & Ia32ePte.ADDRESS & ~Order.offsetMask(leafOrder(level));
  }
}
