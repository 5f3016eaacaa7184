package dev.quire.emulator.exec;

import dev.quire.emulator.decode.AccessKind;
import dev.quire.emulator.decode.Arm64Access;
import dev.quire.emulator.decode.Arm64AccessDecoder;
import dev.quire.emulator.decode.Arm64FatalEncodings;
import dev.quire.emulator.decode.Arm64InstructionKinds;

/**
 * The traps that EL1 controls and the core does not know: FP and SIMD access (CPACR_EL1.FPEN),
 * alignment of data (SCTLR_EL1.A) and of the stack pointer (SA, SA0); and instructions that are
 * undefined here and not in the core. What may trap is stepped, and each word judged before it
 * executes. Source: Arm ARM DDI 0487, D1.3, D17.2 (CPACR_EL1, ESR_EL1, SCTLR_EL1), pseudocode
 * CheckFPAdvSIMDEnabled64, CheckSPAlignment, AArch64.CheckAlignment.
 */
final class Arm64Traps {
  private static final long SCTLR_A = 1 << 1;
  private static final long SCTLR_SA = 1 << 3;
  private static final long SCTLR_SA0 = 1 << 4;
  private static final int FPEN_SHIFT = 20;
  private static final int FPEN_EL0_TRAPS = 1;
  private static final int FPEN_NOTHING_TRAPS = 3;
  private static final int STACK_ALIGNMENT_MASK = 15;
  private static final int EC_SHIFT = 26;
  private static final long IL = 1L << 25;
  private static final long ESR_FP = 0x07L << EC_SHIFT | IL | 0x1e0_0000;
  private static final long ESR_SP_ALIGNMENT = 0x26L << EC_SHIFT | IL;
  private static final long EC_DATA_ABORT_LOWER = 0x24;
  private static final long STATUS_ALIGNMENT = 0x21;
  private static final long WRITE_NOT_READ = 1 << 6;

  private final boolean[] trapsFloatingPoint = new boolean[2];
  private final boolean[] checksStackPointer = new boolean[2];
  private boolean checksAlignment;
  private long syndrome;
  private long address;

  /** Takes up the controls; whether anything translated before is void. */
  boolean update(long sctlr, long cpacr) {
    int fpen = (int) (cpacr >>> FPEN_SHIFT) & 3;
    boolean changed = set(trapsFloatingPoint, 0, fpen != FPEN_NOTHING_TRAPS);
    changed |= set(trapsFloatingPoint, 1, fpen != FPEN_NOTHING_TRAPS && fpen != FPEN_EL0_TRAPS);
    changed |= set(checksStackPointer, 0, (sctlr & SCTLR_SA0) != 0);
    changed |= set(checksStackPointer, 1, (sctlr & SCTLR_SA) != 0);
    boolean alignment = (sctlr & SCTLR_A) != 0;
    changed |= alignment != checksAlignment;
    checksAlignment = alignment;
    return changed;
  }

  private static boolean set(boolean[] flags, int el, boolean value) {
    boolean changed = flags[el] != value;
    flags[el] = value;
    return changed;
  }

  boolean trapsFloatingPoint(int el) {
    return trapsFloatingPoint[el];
  }

  boolean checksAlignment() {
    return checksAlignment;
  }

  boolean checksStackPointer(int el) {
    return checksStackPointer[el];
  }

  boolean checksAnyStackPointer() {
    return checksStackPointer[0] || checksStackPointer[1];
  }

  static boolean isStackAligned(long sp) {
    return (sp & STACK_ALIGNMENT_MASK) == 0;
  }

  /** Whether the word is undefined, whatever the core makes of it. */
  static boolean isUndefined(int word) {
    return Arm64FatalEncodings.isFatal(word) || Arm64InstructionKinds.isRandomNumber(word);
  }

  /**
   * What the word ahead raises, before it does anything else.
   *
   * @return the core's number of the exception, or {@link UnicornEngine#NO_TRAP}
   */
  int raisedBy(int word, Arm64CpuState state) {
    int el = state.exceptionLevel();
    if (isUndefined(word)) {
      return raise(Arm64Engine.TRAP_UNDEFINED, IL, 0);
    }
    if (trapsFloatingPoint[el] && Arm64InstructionKinds.isFloatingPoint(word)) {
      return raise(Arm64Engine.TRAP_UNDEFINED, ESR_FP, 0);
    }
    if (checksStackPointer[el]
        && !isStackAligned(state.sp())
        && Arm64InstructionKinds.accessesThroughStackPointer(word)) {
      return raise(Arm64Engine.TRAP_UNDEFINED, ESR_SP_ALIGNMENT, 0);
    }
    int alignment = checksAlignment ? Arm64InstructionKinds.alignmentBytes(word) : 1;
    if (alignment == 1) {
      return UnicornEngine.NO_TRAP;
    }
    long access = Arm64AccessDecoder.decode(word);
    long va = Arm64Access.address(access, state, state.pc());
    if ((va & alignment - 1) == 0) {
      return UnicornEngine.NO_TRAP;
    }
    boolean write = Arm64Access.kind(access) == AccessKind.WRITE;
    long esr = (EC_DATA_ABORT_LOWER + el) << EC_SHIFT | IL | STATUS_ALIGNMENT;
    return raise(Arm64Engine.TRAP_DATA_ABORT, write ? esr | WRITE_NOT_READ : esr, va);
  }

  private int raise(int trap, long esr, long far) {
    syndrome = esr;
    address = far;
    return trap;
  }

  /** Of the last {@link #raisedBy} that raised: ESR_EL1. */
  long syndrome() {
    return syndrome;
  }

  /** Of the last {@link #raisedBy} that raised: FAR_EL1, if its class reports one. */
  long address() {
    return address;
  }
}
