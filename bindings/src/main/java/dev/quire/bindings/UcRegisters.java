package dev.quire.bindings;

import java.lang.foreign.Arena;

/**
 * The registers of one Unicorn instance, by the numbers of {@link X86Reg} and {@link Arm64Reg}.
 * Thread rule and errors are those of {@link Uc}, which owns it and lends it its scratch memory.
 */
public final class UcRegisters {
  private final Uc uc;
  private final long handle;
  private final long scratch;

  UcRegisters(Uc uc, long handle, long scratch) {
    this.uc = uc;
    this.handle = handle;
    this.scratch = scratch;
  }

  /** Reads a register of at most 8 bytes. */
  public long read(int register) {
    uc.check();
    RawMemory.putLong(scratch, 0);
    readTo(register, scratch);
    return RawMemory.getLong(scratch);
  }

  /** Writes a register of at most 8 bytes. */
  public void write(int register, long value) {
    uc.check();
    RawMemory.putLong(scratch, value);
    writeFrom(register, scratch);
  }

  /** Reads a 128-bit register (XMM, V) into {@code lowHigh}: index 0 is the low half. */
  public void read128(int register, long[] lowHigh) {
    uc.check();
    readTo(register, scratch);
    lowHigh[0] = RawMemory.getLong(scratch);
    lowHigh[1] = RawMemory.getLong(scratch + 8);
  }

  /** Writes a 128-bit register (XMM, V). */
  public void write128(int register, long low, long high) {
    uc.check();
    RawMemory.putLong(scratch, low);
    RawMemory.putLong(scratch + 8, high);
    writeFrom(register, scratch);
  }

  /** Reads several registers of at most 8 bytes. */
  public void readBatch(int[] registers, long[] values) {
    batch(registers, values, false);
  }

  /** Writes several registers of at most 8 bytes. */
  public void writeBatch(int[] registers, long[] values) {
    batch(registers, values, true);
  }

  /** Reads GDTR, IDTR, LDTR or TR. */
  public X86Mmr readMmr(int register) {
    uc.check();
    // GDTR and IDTR leave the selector as they find it.
    RawMemory.putShort(scratch, 0);
    readTo(register, scratch);
    return new X86Mmr(
        RawMemory.getShort(scratch),
        RawMemory.getLong(scratch + 8),
        RawMemory.getInt(scratch + 16),
        RawMemory.getInt(scratch + 20));
  }

  /** Writes GDTR, IDTR, LDTR or TR. */
  public void writeMmr(int register, X86Mmr value) {
    uc.check();
    RawMemory.putShort(scratch, value.selector());
    RawMemory.putLong(scratch + 8, value.base());
    RawMemory.putInt(scratch + 16, value.limit());
    RawMemory.putInt(scratch + 20, value.flags());
    writeFrom(register, scratch);
  }

  /** Reads an x86 MSR. Never while SVM MSR interception is on: the process would crash. */
  public long readMsr(int msr) {
    uc.check();
    RawMemory.putInt(scratch, msr);
    RawMemory.putLong(scratch + 8, 0);
    readTo(X86Reg.MSR, scratch);
    return RawMemory.getLong(scratch + 8);
  }

  /** Writes an x86 MSR. Never while SVM MSR interception is on: the process would crash. */
  public void writeMsr(int msr, long value) {
    uc.check();
    RawMemory.putInt(scratch, msr);
    RawMemory.putLong(scratch + 8, value);
    writeFrom(X86Reg.MSR, scratch);
  }

  /** Reads an arm64 system register; 0, and a warning on stderr, for one the core lacks. */
  public long readCp(int crn, int crm, int op0, int op1, int op2) {
    uc.check();
    fillCpReg(crn, crm, op0, op1, op2, 0);
    readTo(Arm64Reg.CP_REG, scratch);
    return RawMemory.getLong(scratch + 24);
  }

  /** Writes an arm64 system register, never a constant one; also rebuilds the core's flags. */
  public void writeCp(int crn, int crm, int op0, int op1, int op2, long value) {
    uc.check();
    fillCpReg(crn, crm, op0, op1, op2, value);
    writeFrom(Arm64Reg.CP_REG, scratch);
  }

  /** Reads arm64 general register {@code index}; 31 reads as zero. */
  public long readX(int index) {
    return index == 31 ? 0 : read(Arm64Reg.x(index));
  }

  /** Writes arm64 general register {@code index}; 31 is ignored. */
  public void writeX(int index, long value) {
    if (index != 31) {
      write(Arm64Reg.x(index), value);
    }
  }

  private void fillCpReg(int crn, int crm, int op0, int op1, int op2, long value) {
    RawMemory.putInt(scratch, crn);
    RawMemory.putInt(scratch + 4, crm);
    RawMemory.putInt(scratch + 8, op0);
    RawMemory.putInt(scratch + 12, op1);
    RawMemory.putInt(scratch + 16, op2);
    RawMemory.putLong(scratch + 24, value);
  }

  private void readTo(int register, long address) {
    Uc.require("uc_reg_read", UcApi.regRead(handle, register, address));
  }

  private void writeFrom(int register, long address) {
    Uc.require("uc_reg_write", UcApi.regWrite(handle, register, address));
  }

  private void batch(int[] registers, long[] values, boolean write) {
    uc.check();
    int count = registers.length;
    if (values.length < count) {
      throw new IllegalArgumentException("fewer values than registers");
    }
    try (Arena temporary = Arena.ofConfined()) {
      long ids = temporary.allocate(Math.max(4L * count, 1), 8).address();
      long pointers = temporary.allocate(Math.max(8L * count, 1), 8).address();
      long data = temporary.allocate(Math.max(8L * count, 1), 8).address();
      for (int i = 0; i < count; i++) {
        RawMemory.putInt(ids + 4L * i, registers[i]);
        RawMemory.putLong(pointers + 8L * i, data + 8L * i);
        RawMemory.putLong(data + 8L * i, write ? values[i] : 0);
      }
      int code =
          write
              ? UcApi.regWriteBatch(handle, ids, pointers, count)
              : UcApi.regReadBatch(handle, ids, pointers, count);
      Uc.require("uc_reg_batch", code);
      for (int i = 0; i < count && !write; i++) {
        values[i] = RawMemory.getLong(data + 8L * i);
      }
    }
  }
}
