package dev.quire.emulator.exec;

import dev.quire.bindings.Uc;
import dev.quire.emulator.device.arm64.Gicv3CpuRegisters;
import dev.quire.mmu.Access;
import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Translation;

/**
 * The system registers and instructions of one core: each access is offered to the machine's {@link
 * SystemRegisterHandler} and left to the core if it declines. Called inside a run, before any
 * privilege check.
 */
final class Arm64SystemAccesses {
  private static final int PAGE_BYTES = 1 << Order.BASE_PAGE_SHIFT;

  /** DCZID_EL0.BS of the core is 4: 16 words. */
  private static final int ZVA_BYTES = 64;

  private static final long SCTLR_DZE = 1 << 14;
  private static final int CRN_TLBI = 8;
  private static final int CRM_TLBI = 7;
  private static final int CRM_TLBI_INNER_SHAREABLE = 3;
  private static final int OP1_EL0 = 3;

  private final Arm64Engine engine;
  private final Arm64Core core;
  private final SystemRegisterHandler registers;
  private final PhysicalMemory memory;
  private final CodeCoherence coherence;

  Arm64SystemAccesses(Arm64Engine engine, SystemRegisterHandler registers, EngineMemory shared) {
    this.engine = engine;
    this.core = engine.core();
    this.registers = registers;
    this.memory = shared.memory();
    this.coherence = shared.coherence();
  }

  void hook(Uc uc) {
    uc.hooks().mrs(this::mrs);
    uc.hooks().msr(this::msr);
    uc.hooks().sys(this::sys);
  }

  private boolean mrs(int rt, long value, int crn, int crm, int op0, int op1, int op2) {
    int register = SystemRegister.of(op0, op1, crn, crm, op2);
    if (isUnknownToCore(register)
        || registers.read(register) == SystemRegisterHandler.Answer.NATIVE) {
      return false;
    }
    core.state().setX(rt, registers.value());
    return true;
  }

  private boolean msr(int rt, long value, int crn, int crm, int op0, int op1, int op2) {
    int register = SystemRegister.of(op0, op1, crn, crm, op2);
    if (isUnknownToCore(register)) {
      return false;
    }
    if (core.state().el() == 1) {
      engine.noteControl(register, value);
    }
    return registers.write(register, value) == SystemRegisterHandler.Answer.DONE;
  }

  private boolean sys(int rt, long value, int crn, int crm, int op0, int op1, int op2) {
    int register = SystemRegister.of(op0, op1, crn, crm, op2);
    if (register == SystemRegister.DC_ZVA && engine.isMeasured()) {
      return zeroBlock(value);
    }
    return !isUnknownToCore(register)
        && registers.system(register, value) == SystemRegisterHandler.Answer.DONE;
  }

  /**
   * DC ZVA of a measured run: the core would store byte by byte, and report each byte. Left to it
   * where it traps or faults.
   */
  private boolean zeroBlock(long va) {
    if (core.state().el() == 0 && (core.sctlrEl1() & SCTLR_DZE) == 0) {
      return false;
    }
    int access = engine.accessOf(va, Access.WRITE);
    if (Translation.failed(engine.mmu.probe(va, access))) {
      return false;
    }
    long translation = engine.mmu.translate(va, access);
    engine.accessed(va, Access.WRITE);
    coherence.hostWrote(Translation.pfn(translation));
    long pa = Translation.pa(translation) | va & PAGE_BYTES - ZVA_BYTES;
    for (int offset = 0; offset < ZVA_BYTES; offset += Long.BYTES) {
      memory.writeLong(pa + offset, 0);
    }
    return true;
  }

  /**
   * Skipping an instruction the core does not know makes it run the block for ever, so these are
   * left to it: it raises an undefined exception, and the host performs them then.
   */
  private static boolean isUnknownToCore(int register) {
    if (SystemRegister.op0(register) == 1) {
      boolean tlbi = SystemRegister.crn(register) == CRN_TLBI;
      int crm = SystemRegister.crm(register);
      return tlbi && crm != CRM_TLBI && crm != CRM_TLBI_INNER_SHAREABLE;
    }
    return SystemRegister.op1(register) > OP1_EL0
        || Gicv3CpuRegisters.owns(register)
        || register == SystemRegister.CNTPCTSS_EL0
        || register == SystemRegister.CNTVCTSS_EL0;
  }
}
