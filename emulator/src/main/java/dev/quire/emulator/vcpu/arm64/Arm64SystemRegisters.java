package dev.quire.emulator.vcpu.arm64;

import dev.quire.emulator.device.arm64.GenericTimer;
import dev.quire.emulator.exec.Arm64Core;
import dev.quire.emulator.exec.Arm64Engine;
import dev.quire.emulator.exec.SystemRegister;
import dev.quire.emulator.exec.SystemRegisterHandler;
import dev.quire.mmu.arm64.Arm64Mmu;
import dev.quire.mmu.arm64.AtOp;
import dev.quire.mmu.arm64.TlbiOp;

/**
 * The system registers that are not the core's own business: what the MMU must know, the timer, the
 * identification registers of the machine we show. Everything else is left to the core.
 *
 * <p>Handlers run before any privilege check, so an access from EL0 is always left to the core,
 * which refuses it, unless it is one the guest may allow.
 */
public final class Arm64SystemRegisters implements SystemRegisterHandler {
  private static final long PFR0_FP_ASIMD_EL1_EL0_AARCH64 = 0x0011;
  private static final long PFR0_ADV_SIMD_FP_MASK = 0xff_0000;
  private static final long PFR1_BT_MASK = 0xf;
  private static final long ISAR0_RNDR = 0xfL << 60;
  private static final long ISAR0_TLB = 0xfL << 56;
  private static final long ISAR0_TLB_RANGE = 2L << 56;
  private static final long MMFR0_TGRAN16_SUPPORTED = 1L << 20;
  private static final long MPIDR_RES1 = 1L << 31;
  private static final long DFR0_ARMV8_DEBUG = 0x6;
  private static final int CRN_TLBI = 8;
  private static final long PSTATE_PAN = 1L << 22;
  private static final long CNTKCTL_EL0PCTEN = 1;
  private static final long CNTKCTL_EL0VCTEN = 1 << 1;
  private static final long CNTKCTL_EL0VTEN = 1 << 8;
  private static final long CNTKCTL_EL0PTEN = 1 << 9;
  private static final int CRM_COUNTERS = 0;
  private static final int CRM_PHYSICAL_TIMER = 2;

  private final int vcpu;
  private final GenericTimer timer;
  private final TlbBroadcast broadcast;
  private Arm64Engine engine;
  private Arm64Core core;
  private Arm64Mmu mmu;
  private long mdscr;
  private long value;

  /** Carries a TLB maintenance instruction to the other vCPUs of the inner shareable domain. */
  @FunctionalInterface
  public interface TlbBroadcast {
    void tlbi(int fromVcpu, TlbiOp operation, long operand);
  }

  public Arm64SystemRegisters(int vcpu, GenericTimer timer, TlbBroadcast broadcast) {
    this.vcpu = vcpu;
    this.timer = timer;
    this.broadcast = broadcast;
  }

  /** Connects the core and its MMU; before the first run. */
  public void attach(Arm64Engine newEngine, Arm64Mmu newMmu) {
    engine = newEngine;
    core = newEngine.core();
    mmu = newMmu;
  }

  /** MDSCR_EL1 as the guest wrote it; the core's own drives software step. */
  public long mdscr() {
    return mdscr;
  }

  /** Puts {@link #mdscr} back. */
  public void restoreMdscr(long saved) {
    mdscr = saved;
  }

  @Override
  public long value() {
    return value;
  }

  @Override
  public Answer read(int register) {
    if (GenericTimer.owns(register)) {
      return readTimer(register);
    }
    if (core.exceptionLevel() == 0) {
      return Answer.NATIVE;
    }
    if (register == SystemRegister.MPIDR_EL1) {
      return done(MPIDR_RES1 | vcpu);
    }
    if (register == SystemRegister.ID_AA64PFR0_EL1) {
      long native64 = core.readSystem(register);
      return done(native64 & PFR0_ADV_SIMD_FP_MASK | PFR0_FP_ASIMD_EL1_EL0_AARCH64);
    }
    if (register == SystemRegister.ID_AA64PFR1_EL1) {
      return done(core.readSystem(register) & PFR1_BT_MASK);
    }
    if (register == SystemRegister.ID_AA64ISAR0_EL1) {
      return done(core.readSystem(register) & ~(ISAR0_RNDR | ISAR0_TLB) | ISAR0_TLB_RANGE);
    }
    if (register == SystemRegister.ID_AA64ZFR0_EL1) {
      return done(0);
    }
    if (register == SystemRegister.ID_AA64DFR0_EL1) {
      return done(DFR0_ARMV8_DEBUG);
    }
    if (register == SystemRegister.ID_AA64MMFR0_EL1) {
      return done(core.readSystem(register) | MMFR0_TGRAN16_SUPPORTED);
    }
    return register == SystemRegister.MDSCR_EL1 ? done(mdscr) : Answer.NATIVE;
  }

  private Answer done(long result) {
    value = result;
    return Answer.DONE;
  }

  private Answer readTimer(int register) {
    return timerAllowed(register) ? done(timer.read(register)) : Answer.NATIVE;
  }

  /** EL0 may use what CNTKCTL_EL1 allows (Arm ARM D17.11.15); else the core refuses. */
  private boolean timerAllowed(int register) {
    if (core.exceptionLevel() != 0) {
      return true;
    }
    long control = core.readSystem(SystemRegister.CNTKCTL_EL1);
    int op2 = SystemRegister.op2(register);
    long needed =
        switch (SystemRegister.crm(register)) {
          case CRM_COUNTERS ->
              op2 == 0
                  ? CNTKCTL_EL0PCTEN | CNTKCTL_EL0VCTEN
                  : op2 == 1 ? CNTKCTL_EL0PCTEN : CNTKCTL_EL0VCTEN;
          case CRM_PHYSICAL_TIMER -> CNTKCTL_EL0PTEN;
          default -> CNTKCTL_EL0VTEN;
        };
    return (control & needed) != 0;
  }

  @Override
  public Answer write(int register, long newValue) {
    if (GenericTimer.owns(register)) {
      return writeTimer(register, newValue);
    }
    if (core.exceptionLevel() == 0) {
      return Answer.NATIVE;
    }
    if (register == SystemRegister.MDSCR_EL1) {
      mdscr = newValue;
      return Answer.DONE;
    }
    // The core keeps these too, for MRS; the MMU must know them before the next access.
    if (register == SystemRegister.TTBR0_EL1) {
      mmu.writeTtbr0(newValue);
    } else if (register == SystemRegister.TTBR1_EL1) {
      mmu.writeTtbr1(newValue);
    } else if (register == SystemRegister.TCR_EL1) {
      mmu.writeTcr(newValue);
    } else if (register == SystemRegister.SCTLR_EL1) {
      mmu.writeSctlr(newValue);
    } else if (register == SystemRegister.MAIR_EL1) {
      mmu.writeMair(newValue);
    }
    return Answer.NATIVE;
  }

  private Answer writeTimer(int register, long newValue) {
    if (!timerAllowed(register)) {
      return Answer.NATIVE;
    }
    timer.write(register, newValue);
    // The next event may be nearer now: let the machine set a new deadline.
    engine.kick();
    return Answer.DONE;
  }

  @Override
  public Answer system(int register, long operand) {
    if (core.exceptionLevel() == 0) {
      return Answer.NATIVE;
    }
    if (SystemRegister.crn(register) == CRN_TLBI) {
      return tlbi(register, operand);
    }
    AtOp translate =
        AtOp.decode(
            SystemRegister.op1(register),
            SystemRegister.crn(register),
            SystemRegister.crm(register),
            SystemRegister.op2(register));
    return translate == null || SystemRegister.op1(register) != 0
        ? Answer.NATIVE
        : addressTranslate(translate, operand);
  }

  private Answer addressTranslate(AtOp operation, long va) {
    long par = mmu.addressTranslate(operation, va, (core.pstate() & PSTATE_PAN) != 0);
    core.writeSystem(SystemRegister.PAR_EL1, par);
    return Answer.DONE;
  }

  private Answer tlbi(int register, long operand) {
    TlbiOp operation =
        TlbiOp.decode(
            SystemRegister.op1(register),
            SystemRegister.crn(register),
            SystemRegister.crm(register),
            SystemRegister.op2(register));
    if (operation == null) {
      return Answer.NATIVE;
    }
    mmu.tlbi(operation, operand);
    if (operation.broadcast()) {
      broadcast.tlbi(vcpu, operation, operand);
    }
    return Answer.DONE;
  }
}
