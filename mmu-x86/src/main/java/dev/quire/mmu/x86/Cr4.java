package dev.quire.mmu.x86;

/**
 * Control register CR4 (SDM vol. 3A 2.5).
 *
 * <pre>
 *  63  25 24 23 22 21 20 19 18 17 16 15 14 13 12 11 10  9  8  7  6  5  4  3  2  1  0
 * +------+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * |other |P |C |P |S |S |0 |O |P |F |0 |SM|VM|L |U |O |O |P |P |M |P |P |D |T |P |V |
 * |  0   |K |E |K |M |M |  |S |C |S |  |XE|XE|A |M |S |S |C |G |C |A |S |E |S |V |M |
 * |      |S |T |E |A |E |  |X |I |G |  |  |  |57|I |XE|FX|E |E |E |E |E |  |D |I |E |
 * |      |  |  |  |P |P |  |  |DE|SB|  |  |  |  |P |  |  |  |  |  |  |  |  |  |  |  |
 * +------+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * </pre>
 */
public final class Cr4 {
  public static final long TSD = 1L << 2;
  public static final long DE = 1L << 3;

  /** Page size extensions: 4 MiB pages in 32-bit paging. */
  public static final long PSE = 1L << 4;

  /** Physical address extension. */
  public static final long PAE = 1L << 5;

  public static final long MCE = 1L << 6;

  /** Page global enable. */
  public static final long PGE = 1L << 7;

  public static final long PCE = 1L << 8;
  public static final long OSFXSR = 1L << 9;
  public static final long OSXMMEXCPT = 1L << 10;

  /** 57-bit linear addresses. */
  public static final long LA57 = 1L << 12;

  public static final long FSGSBASE = 1L << 16;

  /** Process-context identifiers. */
  public static final long PCIDE = 1L << 17;

  /** Supervisor-mode execution prevention. */
  public static final long SMEP = 1L << 20;

  /** Supervisor-mode access prevention. */
  public static final long SMAP = 1L << 21;

  /** Protection keys for user pages. */
  public static final long PKE = 1L << 22;

  /** Protection keys for supervisor pages. */
  public static final long PKS = 1L << 24;

  /**
   * The bits this processor has. VME, PVI, UMIP, VMXE, SMXE, OSXSAVE, PKE, CET, PKS and the later
   * ones are not enumerated by its CPUID, so setting them raises #GP; {@link MmuControl#enumerate}
   * changes that for those the MMU has.
   */
  public static final long SUPPORTED =
      TSD
          | DE
          | PSE
          | PAE
          | MCE
          | PGE
          | PCE
          | OSFXSR
          | OSXMMEXCPT
          | LA57
          | FSGSBASE
          | PCIDE
          | SMEP
          | SMAP;

  private Cr4() {}
}
