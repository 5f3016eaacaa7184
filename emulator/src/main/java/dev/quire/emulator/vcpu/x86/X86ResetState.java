package dev.quire.emulator.vcpu.x86;

import dev.quire.bindings.UcX86State;
import dev.quire.emulator.boot.EntryState;
import dev.quire.emulator.exec.X86Core;
import dev.quire.mmu.x86.X86Mmu;

/**
 * Register states a vCPU starts from: INIT (SDM vol. 3A, table 10-1), a start-up IPI, and the entry
 * states of the boot protocols.
 */
public final class X86ResetState {
  private static final long CR0_INIT = 0x6000_0010;
  private static final long RFLAGS_INIT = 2;
  private static final int REAL_LIMIT = 0xffff;
  private static final int REAL_CODE = 0x9b00;
  private static final int REAL_DATA = 0x9300;
  private static final int LDT_ATTRIBUTES = 0x8200;
  private static final int TSS_ATTRIBUTES = 0x8b00;
  private static final int RESET_SELECTOR = 0xf000;
  private static final long RESET_BASE = 0xffff_0000L;
  private static final long RESET_IP = 0xfff0;
  private static final int FLAT_CODE_64 = 0x00af_9b00;
  private static final int FLAT_CODE_32 = 0x00cf_9b00;
  private static final int FLAT_DATA = 0x00cf_9300;
  private static final int FLAT_LIMIT = -1;
  private static final int GENERAL_REGISTERS = 16;

  private final X86Core core;
  private final X86Mmu mmu;
  private final int signature;

  /**
   * @param signature family, model and stepping, left in EDX
   */
  public X86ResetState(X86Core core, X86Mmu mmu, int signature) {
    this.core = core;
    this.mmu = mmu;
    this.signature = signature;
  }

  /** INIT: real mode at the reset vector. */
  public void init() {
    clearGeneral();
    core.setGpr(X86Core.RDX, signature);
    core.setRflags(RFLAGS_INIT);
    core.setGdtr(0, REAL_LIMIT);
    core.setIdtr(0, REAL_LIMIT);
    core.setCr2(0);
    systemSegments();
    mmu.control().load(CR0_INIT, 0, 0, 0);
    core.loadControlRegisters(mmu.registers());
    for (int segment : new int[] {X86Core.ES, X86Core.SS, X86Core.DS, X86Core.FS, X86Core.GS}) {
      core.loadSegment(segment, 0, 0, REAL_LIMIT, REAL_DATA);
    }
    core.loadCodeSegment(RESET_SELECTOR, RESET_BASE, REAL_LIMIT, REAL_CODE, 0);
    core.setRip(RESET_IP);
    core.setInterruptShadow(false);
  }

  /** A start-up IPI: real mode at the start of a page below 1 MiB. */
  public void startUp(int vectorPage) {
    core.loadCodeSegment(vectorPage << 8, (long) vectorPage << 12, REAL_LIMIT, REAL_CODE, 0);
    core.setRip(0);
  }

  /** The direct 64-bit entry. */
  public void enter(EntryState.X86Entry64 entry) {
    clearGeneral();
    core.setGpr(X86Core.RSI, entry.rsi());
    core.setGpr(X86Core.RSP, entry.rsp());
    load(entry.cr0(), entry.cr3(), entry.cr4(), entry.efer());
    flat(
        entry.gdtGpa(), entry.gdtLimit(), entry.codeSelector(), FLAT_CODE_64, entry.dataSelector());
    core.setRip(entry.rip());
  }

  /** 32-bit protected mode without paging. */
  public void enter(EntryState.X86Entry32 entry) {
    clearGeneral();
    core.setGpr(X86Core.RAX, Integer.toUnsignedLong(entry.eax()));
    core.setGpr(X86Core.RBX, Integer.toUnsignedLong(entry.ebx()));
    load(entry.cr0(), 0, 0, 0);
    flat(
        entry.gdtGpa(), entry.gdtLimit(), entry.codeSelector(), FLAT_CODE_32, entry.dataSelector());
    core.setRip(Integer.toUnsignedLong(entry.eip()));
  }

  private void load(long cr0, long cr3, long cr4, long efer) {
    mmu.control().load(cr0, cr3, cr4, efer);
    core.loadControlRegisters(mmu.registers());
  }

  private void flat(long gdt, int limit, int code, int codeAttributes, int data) {
    core.setGdtr(gdt, limit);
    core.setIdtr(0, 0);
    core.setRflags(RFLAGS_INIT);
    systemSegments();
    for (int segment : new int[] {X86Core.ES, X86Core.SS, X86Core.DS, X86Core.FS, X86Core.GS}) {
      core.loadSegment(segment, data, 0, FLAT_LIMIT, FLAT_DATA);
    }
    core.loadCodeSegment(code, 0, FLAT_LIMIT, codeAttributes, 0);
  }

  private void systemSegments() {
    core.loadSystemSegment(UcX86State.LDT, 0, 0, REAL_LIMIT, LDT_ATTRIBUTES);
    core.loadSystemSegment(UcX86State.TR, 0, 0, REAL_LIMIT, TSS_ATTRIBUTES);
  }

  private void clearGeneral() {
    for (int index = 0; index < GENERAL_REGISTERS; index++) {
      core.setGpr(index, 0);
    }
  }
}
