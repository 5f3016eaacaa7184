package dev.quire.mmu.x86;

/**
 * IA32_EFER, MSR C0000080H (SDM vol. 3A 2.2.1).
 *
 * <pre>
 *  63            12  11  10   9   8  7       1   0
 * +----------------+---+---+---+---+----------+---+
 * |   must be 0    |NXE|LMA| 0 |LME| must be 0|SCE|
 * +----------------+---+---+---+---+----------+---+
 * </pre>
 */
public final class Efer {
  /** The MSR's number. */
  public static final int MSR = 0xc000_0080;

  /** SYSCALL enable. */
  public static final long SCE = 1L << 0;

  /** IA-32e mode enable. */
  public static final long LME = 1L << 8;

  /** IA-32e mode active: set by the processor while LME and CR0.PG are set. */
  public static final long LMA = 1L << 10;

  /** Execute-disable enable. */
  public static final long NXE = 1L << 11;

  /** The bits this processor has. */
  public static final long SUPPORTED = SCE | LME | LMA | NXE;

  private Efer() {}
}
