package dev.quire.lab.fuzz;

import dev.quire.bindings.Arm64Reg;
import dev.quire.bindings.NativeMemory;
import dev.quire.bindings.Uc;
import dev.quire.bindings.UcConst;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.arm64.AtOp;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Unicorn's own arm64 MMU, asked without guest code: system registers are written, AT instructions
 * executed and PAR_EL1 read through the register interface. Its RAM is also the memory of the
 * walkers under test.
 */
final class UnicornArm64Mmu implements PhysicalMemory, AutoCloseable {
  static final long RAM = 0x4000_0000L;
  static final int RAM_BYTES = 8 << 20;

  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
  private static final long SCTLR_RESET = 0xc5_0838L;
  private static final long SCR_NS_RW_HCE = 0x501;
  private static final long HCR_RW = 1L << 31;
  private static final long HCR_VM = 1;
  private static final long PSTATE_EL1H = 0x3c5;
  private static final long PSTATE_EL0T = 0x3c0;
  private static final long PSTATE_PAN = 1L << 22;

  private final NativeMemory memory = NativeMemory.reserve(RAM_BYTES);
  private final MemorySegment ram = memory.segment();
  private final Uc uc = Uc.open(UcConst.ARCH_ARM64, UcConst.MODE_ARM);

  UnicornArm64Mmu() {
    uc.pageSize(4096);
    uc.cpuModel(UcConst.CPU_ARM64_MAX);
    uc.tlbTypeCpu();
    uc.useExits(true);
    uc.registers().writeCp(1, 1, 3, 6, 0, SCR_NS_RW_HCE);
    uc.memMapPtr(RAM, RAM_BYTES, UcConst.PERM_ALL, ram);
    noSecondStage();
  }

  void write(long sctlr, long tcr, long ttbr0, long ttbr1, long mair) {
    uc.registers().writeCp(2, 0, 3, 0, 2, tcr);
    uc.registers().writeCp(2, 0, 3, 0, 0, ttbr0);
    uc.registers().writeCp(2, 0, 3, 0, 1, ttbr1);
    uc.registers().writeCp(10, 2, 3, 0, 0, mair);
    uc.registers().writeCp(1, 0, 3, 0, 0, SCTLR_RESET | sctlr);
  }

  /** PAR_EL1 of a read of {@code ipa} by the second stage alone, stage 1 being off meanwhile. */
  long secondStageOnly(long ipa) {
    long sctlr = uc.registers().readCp(1, 0, 3, 0, 0);
    uc.registers().writeCp(1, 0, 3, 0, 0, sctlr & ~1L);
    long par = addressTranslate(AtOp.S12E1R, ipa);
    uc.registers().writeCp(1, 0, 3, 0, 0, sctlr);
    return par;
  }

  void noSecondStage() {
    uc.registers().writeCp(1, 1, 3, 4, 0, HCR_RW);
  }

  void secondStage(long vtcr, long vttbr) {
    uc.registers().writeCp(2, 1, 3, 4, 2, vtcr);
    uc.registers().writeCp(2, 1, 3, 4, 0, vttbr);
    uc.registers().writeCp(1, 1, 3, 4, 0, HCR_RW | HCR_VM);
  }

  void state(boolean el0, boolean pan) {
    uc.registers()
        .write(Arm64Reg.PSTATE, (el0 ? PSTATE_EL0T : PSTATE_EL1H) | (pan ? PSTATE_PAN : 0));
    // Writing PSTATE does not rebuild the core's flags; any system register write does.
    uc.registers().writeCp(13, 0, 3, 0, 4, 0);
  }

  /** PAR_EL1 after an AT instruction. */
  long addressTranslate(AtOp op, long va) {
    uc.registers().writeCp(7, op.crm(), 1, op.op1(), op.op2(), va);
    return uc.registers().read(Arm64Reg.PAR_EL1);
  }

  /** The pa of an instruction fetch in the current state, or a negative number. */
  long fetch(long va) {
    uc.tlbFlush();
    return uc.vmemTranslate(va, UcConst.PERM_EXEC);
  }

  /** Zeroes all memory. */
  void clear() {
    ram.fill((byte) 0);
  }

  /** Zeroes the memory from {@code pa} to its end. */
  void clearFrom(long pa) {
    ram.asSlice(pa - RAM).fill((byte) 0);
  }

  @Override
  public boolean contains(long pa, long bytes) {
    return pa >= RAM && pa <= RAM + RAM_BYTES - bytes;
  }

  @Override
  public long readLong(long pa) {
    return ram.get(WORD, pa - RAM);
  }

  @Override
  public void writeLong(long pa, long value) {
    ram.set(WORD, pa - RAM, value);
  }

  @Override
  public int readInt(long pa) {
    throw new UnsupportedOperationException("arm64 entries have 8 bytes");
  }

  @Override
  public void writeInt(long pa, int value) {
    throw new UnsupportedOperationException("arm64 entries have 8 bytes");
  }

  @Override
  public boolean compareAndSetLong(long pa, long expected, long value) {
    throw new UnsupportedOperationException("no hardware update of entries");
  }

  @Override
  public boolean compareAndSetInt(long pa, int expected, int value) {
    throw new UnsupportedOperationException("arm64 entries have 8 bytes");
  }

  @Override
  public void close() {
    uc.close();
    memory.close();
  }
}
