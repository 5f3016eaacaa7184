package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.X86CpuState;
import dev.quire.mmu.Access;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Efer;

/**
 * Whether IN, OUT, INS and OUTS may touch a port: IOPL first, else the I/O permission bitmap of the
 * TSS (SDM vol. 1, 19.5). The engine checks neither.
 */
public final class PortPermission {
  private static final int TSS_AVAILABLE_32 = 9;
  private static final int TSS_BUSY_32 = 11;
  private static final int TSS_BYTES = 104;
  private static final int IO_MAP_BASE = 0x66;

  private final X86CpuState state;
  private final LinearMemory memory;

  public PortPermission(X86CpuState state, LinearMemory memory) {
    this.state = state;
    this.memory = memory;
  }

  /**
   * Checks an access of 1, 2 or 4 bytes at {@code port}.
   *
   * @return {@link UnitStatus#OK}, #GP, a #PF of the bitmap, or {@link UnitStatus#NEEDS_HOST}
   */
  public int check(int port, int bytes) {
    if ((state.cr0() & Cr0.PE) == 0) {
      return UnitStatus.OK;
    }
    long flags = state.controlFlags();
    int iopl = (int) (flags >>> X86Flags.RFLAGS_IOPL_SHIFT) & 3;
    boolean virtual8086 = (flags & X86Flags.RFLAGS_VM) != 0;
    if (!virtual8086 && state.cpl() <= iopl) {
      return UnitStatus.OK;
    }
    return checkBitmap(port & 0xffff, bytes);
  }

  private int checkBitmap(int port, int bytes) {
    int type = state.trAttributes() >>> 8 & 0x1f;
    long limit = state.trLimit() & 0xffff_ffffL;
    boolean has32BitTss = type == TSS_AVAILABLE_32 || type == TSS_BUSY_32;
    if (!has32BitTss || limit < TSS_BYTES - 1) {
      return X86Vector.GENERAL_PROTECTION;
    }
    int status = UnitStatus.of(read(IO_MAP_BASE));
    if (status != UnitStatus.OK) {
      return status;
    }
    long offset = memory.value() + (port >>> 3);
    // Two bytes are always read, so both must lie within the limit (SDM vol. 1, 19.5.2).
    if (offset + 1 > limit) {
      return X86Vector.GENERAL_PROTECTION;
    }
    status = UnitStatus.of(read(offset));
    if (status != UnitStatus.OK) {
      return status;
    }
    long mask = (1L << bytes) - 1 << (port & 7);
    return (memory.value() & mask) == 0 ? UnitStatus.OK : X86Vector.GENERAL_PROTECTION;
  }

  private int read(long offset) {
    long linear = state.trBase() + offset;
    boolean longMode = (state.efer() & Efer.LMA) != 0;
    return memory.read(longMode ? linear : linear & 0xffff_ffffL, 2, Access.IMPLICIT);
  }
}
