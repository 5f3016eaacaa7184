package dev.quire.emulator.exec;

import dev.quire.bindings.Uc;
import dev.quire.bindings.X86Reg;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The x87 and SSE registers of a core as FXSAVE64 lays them out in 512 bytes (SDM vol. 1, table
 * 10-2). vCPU's thread, between runs.
 */
public final class X86FxState {
  /** Size of the image in bytes. */
  public static final int BYTES = 512;

  private static final int FSW = 2;
  private static final int FTW = 4;
  private static final int FOP = 6;
  private static final int FIP = 8;
  private static final int FDP = 16;
  private static final int MXCSR = 24;
  private static final int MXCSR_MASK = 28;
  private static final int ST = 32;
  private static final int XMM = 160;
  private static final int REGISTER_BYTES = 16;
  private static final int ALL_MXCSR_BITS = 0xffff;
  private static final int STACK = 8;

  private final X86Core core;
  private final long[] lowHigh = new long[2];

  public X86FxState(X86Core core) {
    this.core = core;
  }

  /** FXSAVE64. */
  public void save(byte[] image) {
    ByteBuffer target = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
    Uc uc = core.uc();
    int status = (int) uc.registers().read(X86Reg.FPSW);
    target.putShort(0, (short) uc.registers().read(X86Reg.FPCW));
    target.putShort(FSW, (short) status);
    target.put(FTW, (byte) abridged((int) uc.registers().read(X86Reg.FPTAG)));
    target.putShort(FOP, (short) uc.registers().read(X86Reg.FOP));
    target.putLong(FIP, uc.registers().read(X86Reg.FIP));
    target.putLong(FDP, uc.registers().read(X86Reg.FDP));
    target.putInt(MXCSR, (int) uc.registers().read(X86Reg.MXCSR));
    target.putInt(MXCSR_MASK, ALL_MXCSR_BITS);
    for (int index = 0; index < STACK; index++) {
      uc.registers().read128(X86Reg.fp(physical(status, index)), lowHigh);
      target.putLong(ST + REGISTER_BYTES * index, lowHigh[0]);
      target.putLong(ST + REGISTER_BYTES * index + Long.BYTES, lowHigh[1] & 0xffff);
    }
    for (int index = 0; index < 16; index++) {
      uc.registers().read128(X86Reg.xmm(index), lowHigh);
      target.putLong(XMM + REGISTER_BYTES * index, lowHigh[0]);
      target.putLong(XMM + REGISTER_BYTES * index + Long.BYTES, lowHigh[1]);
    }
  }

  /** FXRSTOR64; MXCSR's reserved bits have been checked. */
  public void load(byte[] image) {
    ByteBuffer source = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
    Uc uc = core.uc();
    int status = source.getShort(FSW) & 0xffff;
    uc.registers().write(X86Reg.FPCW, source.getShort(0) & 0xffff);
    uc.registers().write(X86Reg.FPSW, status);
    for (int index = 0; index < STACK; index++) {
      long low = source.getLong(ST + REGISTER_BYTES * index);
      long high = source.getLong(ST + REGISTER_BYTES * index + Long.BYTES) & 0xffff;
      uc.registers().write128(X86Reg.fp(physical(status, index)), low, high);
    }
    uc.registers().write(X86Reg.FPTAG, full(source.get(FTW)));
    uc.registers().write(X86Reg.FOP, source.getShort(FOP) & 0xffff);
    uc.registers().write(X86Reg.FIP, source.getLong(FIP));
    uc.registers().write(X86Reg.FDP, source.getLong(FDP));
    uc.registers().write(X86Reg.MXCSR, source.getInt(MXCSR));
    for (int index = 0; index < 16; index++) {
      long low = source.getLong(XMM + REGISTER_BYTES * index);
      uc.registers()
          .write128(
              X86Reg.xmm(index), low, source.getLong(XMM + REGISTER_BYTES * index + Long.BYTES));
    }
  }

  /** The register that ST(index) names: TOP is in bits 13:11 of the status word. */
  private static int physical(int status, int index) {
    return (status >>> 11) + index & STACK - 1;
  }

  /** One bit a register, set unless it is empty (tag 3). */
  private static int abridged(int tags) {
    int result = 0;
    for (int index = 0; index < STACK; index++) {
      result |= (tags >>> 2 * index & 3) == 3 ? 0 : 1 << index;
    }
    return result;
  }

  private static int full(int bits) {
    int result = 0;
    for (int index = 0; index < STACK; index++) {
      result |= (bits >>> index & 1) != 0 ? 0 : 3 << 2 * index;
    }
    return result;
  }
}
