package dev.quire.emulator.vcpu.x86;

import dev.quire.mmu.x86.Cr4;

/** Bits of RFLAGS (SDM vol. 1, 3.4.3), and the canonical form of addresses (3.3.7.1). */
public final class X86Flags {
  public static final long RFLAGS_FIXED = 1L << 1;
  public static final long RFLAGS_TF = 1L << 8;
  public static final long RFLAGS_IF = 1L << 9;
  public static final long RFLAGS_NT = 1L << 14;
  public static final long RFLAGS_RF = 1L << 16;
  public static final long RFLAGS_VM = 1L << 17;
  public static final long RFLAGS_AC = 1L << 18;
  public static final int RFLAGS_IOPL_SHIFT = 12;

  private X86Flags() {}

  /** Whether an address is canonical for this CR4: 57 bits with LA57, else 48. */
  public static boolean isCanonical(long linear, long cr4) {
    int unused = (cr4 & Cr4.LA57) != 0 ? 64 - 57 : 64 - 48;
    return linear << unused >> unused == linear;
  }
}
