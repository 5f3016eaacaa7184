package dev.quire.mmu.arm64;

/** SCTLR_EL1, the fields that translation reads. Source: Arm ARM DDI 0487, D19.2 SCTLR_EL1. */
public final class SctlrEl1 {
  /** Stage 1 translation of EL1&0 is on. */
  public static final long M = 1L << 0;

  /** Whatever is writable is not executable. */
  public static final long WXN = 1L << 19;

  /** Translation table entries are big-endian. */
  public static final long EE = 1L << 25;

  /** What a TLB may hold the effect of: a change of any of these invalidates everything here. */
  public static final long TRANSLATION = M | WXN | EE;

  private SctlrEl1() {}

  public static boolean m(long sctlr) {
    return (sctlr & M) != 0;
  }

  public static boolean wxn(long sctlr) {
    return (sctlr & WXN) != 0;
  }

  public static boolean ee(long sctlr) {
    return (sctlr & EE) != 0;
  }
}
