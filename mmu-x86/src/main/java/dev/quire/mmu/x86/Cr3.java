package dev.quire.mmu.x86;

/**
 * Control register CR3 (SDM vol. 3A tables 4-3, 4-7, 4-12, 4-13).
 *
 * <pre>
 *        63  62     M M-1              12 11        5  4   3  2  0
 *       +---+--------+-------------------+-----------+---+---+----+
 * IA-32e| N | must   | root table,       |  ignored  |PCD|PWT| ign|  CR4.PCIDE = 0
 *       | F | be 0   | page frame        |        PCID            |  CR4.PCIDE = 1
 *       +---+--------+-------------------+-----------+---+---+----+
 * PAE                | 31..5: the four PDPTEs        |4..0 ignored|
 * 32-bit             | 31..12: page directory        |PCD|PWT     |
 * </pre>
 *
 * NF (bit 63) exists in the operand of MOV to CR3 only, never in the register. M is the width of
 * physical addresses.
 */
public final class Cr3 {
  /** In a MOV to CR3 with CR4.PCIDE set: invalidate nothing. */
  public static final long NO_FLUSH = 1L << 63;

  static final int PCID_MASK = 0xfff;
  private static final long PAE_TABLE = 0xffff_ffe0L;
  private static final long DIRECTORY_32 = 0xffff_f000L;

  private Cr3() {}

  /** The process-context identifier, valid with CR4.PCIDE. */
  public static int pcid(long cr3) {
    return (int) cr3 & PCID_MASK;
  }

  /** Guest physical address of the PML4 or PML5 table. */
  public static long rootTable(long cr3) {
    return cr3 & Ia32ePte.ADDRESS;
  }

  /** Guest physical address of the page directory of 32-bit paging. */
  public static long pageDirectory(long cr3) {
    return cr3 & DIRECTORY_32;
  }

  /** Guest physical address of the four PDPTEs of PAE paging. */
  public static long pdpteTable(long cr3) {
    return cr3 & PAE_TABLE;
  }
}
