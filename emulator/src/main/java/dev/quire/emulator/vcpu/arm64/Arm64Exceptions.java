package dev.quire.emulator.vcpu.arm64;

import dev.quire.emulator.exec.Arm64CpuState;
import dev.quire.emulator.vcpu.ExceptionCounts;

/**
 * Takes exceptions to EL1. Source: Arm ARM DDI 0487, AArch64.TakeException, and D1.3 (vectors,
 * PSTATE on exception entry).
 */
public final class Arm64Exceptions {
  /** Exception classes of ESR_EL1.EC. */
  public static final int EC_UNKNOWN = 0x00;

  public static final int EC_SVC64 = 0x15;
  public static final int EC_SYSREG = 0x18;
  public static final int EC_PC_ALIGNMENT = 0x22;
  public static final int EC_BRK64 = 0x3c;

  private static final int EC_SHIFT = 26;
  private static final long IL = 1L << 25;
  private static final long WRITE_NOT_READ = 1 << 6;

  private static final long PSTATE_NZCV = 0xf000_0000L;
  private static final long PSTATE_PAN = 1L << 22;
  private static final long PSTATE_DIT = 1L << 24;
  private static final long PSTATE_DAIF_EL1H = 0x3c5;
  private static final long SCTLR_SPAN = 1L << 23;
  private static final long SP_SELECT = 1;
  private static final int VECTOR_CURRENT_SPX = 0x200;
  private static final int VECTOR_LOWER = 0x400;

  private final Arm64CpuState state;
  private final ExceptionCounts counts;

  public Arm64Exceptions(Arm64CpuState state, ExceptionCounts counts) {
    this.state = state;
    this.counts = counts;
  }

  /** ESR_EL1 of a class and its syndrome, for a 32-bit instruction. */
  public static long esr(int exceptionClass, long iss) {
    return (long) exceptionClass << EC_SHIFT | IL | iss & 0x1ff_ffff;
  }

  /** Takes a synchronous exception; {@code elr} is the preferred return address. */
  public void takeSynchronous(long esr, long elr) {
    count(esr);
    state.setEsrEl1(esr);
    long pstate = state.pstate();
    state.enterEl1(elr, entryPstate(pstate), state.vbarEl1() + vectorOffset(pstate));
  }

  /** As {@link #takeSynchronous} for classes that report an address. */
  public void takeWithAddress(long esr, long far, long elr) {
    state.setFarEl1(far);
    takeSynchronous(esr, elr);
  }

  private void count(long esr) {
    int ec = (int) (esr >>> EC_SHIFT) & 63;
    counts.count(
        switch (ec) {
          case EC_UNKNOWN -> "undefined";
          case 0x07 -> "fp";
          case EC_SVC64 -> "svc";
          case EC_SYSREG -> "sysreg";
          case 0x20, 0x21 -> "instruction_abort";
          case EC_PC_ALIGNMENT -> "pc_alignment";
          case 0x24, 0x25 -> "data_abort";
          case 0x26 -> "sp_alignment";
          case EC_BRK64 -> "brk";
          default -> "class_%02x".formatted(ec);
        });
    boolean fetch = ec >> 1 == 0x20 >> 1;
    if (fetch || ec >> 1 == 0x24 >> 1) {
      String access = fetch ? "fetch" : (esr & WRITE_NOT_READ) != 0 ? "write" : "read";
      counts.countPageFault((ec & 1) == 0, access, reason((int) esr & 63));
    }
  }

  /** IFSC and DFSC (Arm ARM D17.2.37). */
  private static String reason(int status) {
    return switch (status >> 2) {
      case 0 -> "address_size";
      case 1 -> "translation";
      case 2 -> "access_flag";
      case 3 -> "permission";
      case 8 -> "alignment";
      default -> "external";
    };
  }

  private long entryPstate(long old) {
    long kept = old & (PSTATE_NZCV | PSTATE_PAN | PSTATE_DIT);
    long pan = (state.sctlrEl1() & SCTLR_SPAN) == 0 ? PSTATE_PAN : 0;
    return kept | pan | PSTATE_DAIF_EL1H;
  }

  private static int vectorOffset(long pstate) {
    if ((pstate >>> 2 & 3) == 0) {
      return VECTOR_LOWER;
    }
    return (pstate & SP_SELECT) == 0 ? 0 : VECTOR_CURRENT_SPX;
  }
}
