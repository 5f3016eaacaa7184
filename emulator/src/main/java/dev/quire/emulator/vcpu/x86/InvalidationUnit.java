package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.X86CpuState;
import dev.quire.mmu.Access;

/**
 * The operands of INVLPG and INVPCID (SDM vol. 2A). What is invalidated, and which types and
 * process-context identifiers are legal, {@link dev.quire.mmu.x86.X86Mmu} decides.
 */
public final class InvalidationUnit {
  private final X86CpuState state;
  private final LinearMemory memory;
  private long pcidWord;
  private long linearAddress;

  public InvalidationUnit(X86CpuState state, LinearMemory memory) {
    this.state = state;
    this.memory = memory;
  }

  /** INVLPG and INVPCID need CPL 0: {@link UnitStatus#OK} or #GP. */
  public int checkPrivilege() {
    return state.cpl() == 0 ? UnitStatus.OK : X86Vector.GENERAL_PROTECTION;
  }

  /**
   * Reads the 16-byte descriptor of INVPCID into {@link #pcidWord()} and {@link #linearAddress()}.
   *
   * @param operand linear address of the descriptor
   * @param inStackSegment whether SS holds it, so that a non-canonical address raises #SS
   * @return {@link UnitStatus#OK}, an exception, or {@link UnitStatus#NEEDS_HOST}
   */
  public int readDescriptor(long operand, boolean inStackSegment) {
    if (state.cpl() != 0) {
      return X86Vector.GENERAL_PROTECTION;
    }
    int access = (state.rflags() & X86Flags.RFLAGS_AC) != 0 ? Access.USER_DATA_ALLOWED : 0;
    int status = memory.read(operand, 8, access);
    if (status == LinearMemory.OK) {
      pcidWord = memory.value();
      status = memory.read(operand + 8, 8, access);
      linearAddress = memory.value();
    }
    if (status == LinearMemory.NON_CANONICAL && inStackSegment) {
      return X86Vector.STACK_FAULT;
    }
    return UnitStatus.of(status);
  }

  /** The descriptor's first eight bytes: the PCID in bits 11:0, the rest must be zero. */
  public long pcidWord() {
    return pcidWord;
  }

  /** The descriptor's second eight bytes. */
  public long linearAddress() {
    return linearAddress;
  }
}
