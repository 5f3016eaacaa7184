package dev.quire.mmu.x86;

/**
 * The registers that decide a translation: CR0, CR3, CR4, IA32_EFER and the PDPTE registers, with
 * the rules for what may be written (SDM vol. 2, MOV to control registers, WRMSR; vol. 3A 4.1).
 *
 * <p>State and rules only: {@link MmuControl} writes them and has {@link X86Mmu} invalidate. Owned
 * by the vCPU's thread.
 */
public final class ControlRegisters {
  /** The number of PDPTE registers. */
  public static final int PDPTES = 4;

  /** {@link #rootTable}: the PDPTE register in charge is not present. */
  static final long NO_TABLE = -1;

  private static final int PDPTE_SHIFT = 30;

  /** Table 4-8: 8:5 and 2:1. The bits above the physical width are added per processor. */
  private static final long PDPTE_RESERVED_LOW = 0x1e6;

  private static final long IA32E_CR3_LOW = 0xfff;

  private final int physicalAddressBits;
  private final long[] pdptes = new long[PDPTES];
  private long cr0 = Cr0.AFTER_RESET;
  private long cr3;
  private long cr4;
  private long efer;
  private int pkru;
  private int pkrs;
  private long pat = MemoryType.PAT_AFTER_RESET;
  private long implementedCr4 = Cr4.SUPPORTED;
  private long supportedCr4 = Cr4.SUPPORTED;
  private PagingRegime regime;

  /**
   * Registers after RESET.
   *
   * @param physicalAddressBits the width of physical addresses (MAXPHYADDR), 32 to 52
   */
  public ControlRegisters(int physicalAddressBits) {
    if (physicalAddressBits < 32 || physicalAddressBits > 52) {
      throw new IllegalArgumentException(
          "a physical address has 32 to 52 bits, not " + physicalAddressBits);
    }
    this.physicalAddressBits = physicalAddressBits;
    deriveRegime();
  }

  public long cr0() {
    return cr0;
  }

  public long cr3() {
    return cr3;
  }

  public long cr4() {
    return cr4;
  }

  /** IA32_EFER; LMA follows LME and CR0.PG. */
  public long efer() {
    return efer;
  }

  /** PKRU, the rights of protection keys for user pages. */
  public int pkru() {
    return pkru;
  }

  /** IA32_PKRS, the same for supervisor pages. */
  public int pkrs() {
    return pkrs;
  }

  /** IA32_PAT. */
  public long pat() {
    return pat;
  }

  /** PDPTE register {@code index}, in use with PAE paging only. */
  public long pdpte(int index) {
    return pdptes[index];
  }

  /** The process-context identifier in use: 0 while CR4.PCIDE is clear (SDM 4.10.1). */
  public int pcid() {
    return (cr4 & Cr4.PCIDE) != 0 ? Cr3.pcid(cr3) : 0;
  }

  public PagingMode mode() {
    return regime.mode();
  }

  PagingRegime regime() {
    return regime;
  }

  /** Guest physical address of the first table in memory for {@code va}, or {@link #NO_TABLE}. */
  long rootTable(long va) {
    return switch (regime.mode()) {
      case FOUR_LEVEL, FIVE_LEVEL -> Cr3.rootTable(cr3);
      case BITS_32 -> Cr3.pageDirectory(cr3);
      case PAE -> {
        long pdpte = pdptes[(int) (va >>> PDPTE_SHIFT) & PDPTES - 1];
        yield (pdpte & Ia32ePte.P) != 0 ? pdpte & Ia32ePte.ADDRESS : NO_TABLE;
      }
      case NONE -> throw new IllegalStateException("without paging there is no table");
    };
  }

  boolean isLegalCr0(long value) {
    if (Cr0.isIllegal(value)) {
      return false;
    }
    boolean wasPaging = (cr0 & Cr0.PG) != 0;
    boolean paging = (value & Cr0.PG) != 0;
    if (!wasPaging && paging) {
      return (efer & Efer.LME) == 0 || (cr4 & Cr4.PAE) != 0;
    }
    return paging || (cr4 & Cr4.PCIDE) == 0;
  }

  boolean isLegalCr3(long value) {
    return isLegalCr3(value, cr4, efer);
  }

  private boolean isLegalCr3(long value, long cr4, long efer) {
    if ((efer & Efer.LMA) == 0) {
      return value >>> 32 == 0;
    }
    long operandBits = (cr4 & Cr4.PCIDE) != 0 ? Cr3.NO_FLUSH : 0;
    return (value & ~operandBits) >>> physicalAddressBits == 0;
  }

  boolean isLegalCr4(long value) {
    long changed = value ^ cr4;
    if ((value & ~supportedCr4) != 0) {
      return false;
    }
    if ((efer & Efer.LMA) != 0) {
      boolean losesPae = (value & Cr4.PAE) == 0;
      if (losesPae || (changed & Cr4.LA57) != 0) {
        return false;
      }
    }
    boolean gainsPcide = (changed & value & Cr4.PCIDE) != 0;
    return !gainsPcide || (efer & Efer.LMA) != 0 && (cr3 & IA32E_CR3_LOW) == 0;
  }

  boolean isLegalEfer(long value) {
    boolean changesLme = ((value ^ efer) & Efer.LME) != 0;
    return (value & ~Efer.SUPPORTED) == 0 && !(changesLme && (cr0 & Cr0.PG) != 0);
  }

  /** Whether the values may stand together, as a host that loads them all must ask. */
  boolean isConsistent(long newCr0, long newCr3, long newCr4, long newEfer) {
    if (Cr0.isIllegal(newCr0)
        || (newCr4 & ~supportedCr4) != 0
        || (newEfer & ~Efer.SUPPORTED) != 0) {
      return false;
    }
    boolean longMode = (newCr0 & Cr0.PG) != 0 && (newEfer & Efer.LME) != 0;
    if (longMode != ((newEfer & Efer.LMA) != 0)) {
      return false;
    }
    if (longMode ? (newCr4 & Cr4.PAE) == 0 : (newCr4 & Cr4.PCIDE) != 0) {
      return false;
    }
    // The register itself never holds bit 63.
    return newCr3 >= 0 && isLegalCr3(newCr3, newCr4, newEfer);
  }

  /** Whether a PDPTE register could be loaded with the value (SDM vol. 3A, table 4-8). */
  public boolean isLegalPdpte(long pdpte) {
    long reserved = PDPTE_RESERVED_LOW | -1L << physicalAddressBits;
    return (pdpte & Ia32ePte.P) == 0 || (pdpte & reserved) == 0;
  }

  void set(long newCr0, long newCr3, long newCr4, long newEfer) {
    boolean sameRegime = newCr0 == cr0 && newCr4 == cr4 && newEfer == efer;
    cr0 = newCr0;
    cr3 = newCr3;
    cr4 = newCr4;
    efer = newEfer;
    if (!sameRegime) {
      deriveRegime();
    }
  }

  /** Adds bits of CR4 that may be set. */
  void support(long cr4Bits) {
    implementedCr4 |= cr4Bits;
    supportedCr4 |= cr4Bits;
  }

  /** Leaves of the bits of CR4 that may be set only those given. */
  void restrict(long cr4Bits) {
    supportedCr4 = implementedCr4 & cr4Bits;
  }

  /** The bits of CR4 that there are, whether they may be set or not. */
  long implementedCr4() {
    return implementedCr4;
  }

  void setKeys(int newPkru, int newPkrs) {
    pkru = newPkru;
    pkrs = newPkrs;
    deriveRegime();
  }

  void setPat(long value) {
    pat = value;
  }

  void setPdptes(long[] values) {
    System.arraycopy(values, 0, pdptes, 0, PDPTES);
  }

  /** IA32_EFER with LMA as the processor keeps it. */
  static long withLma(long efer, long cr0) {
    boolean active = (efer & Efer.LME) != 0 && (cr0 & Cr0.PG) != 0;
    return active ? efer | Efer.LMA : efer & ~Efer.LMA;
  }

  private void deriveRegime() {
    regime = new PagingRegime(cr0, cr4, efer, pkru, pkrs, physicalAddressBits);
  }

  @Override
  public String toString() {
    return "cr0=0x%x cr3=0x%x cr4=0x%x efer=0x%x (%s)".formatted(cr0, cr3, cr4, efer, mode());
  }
}
