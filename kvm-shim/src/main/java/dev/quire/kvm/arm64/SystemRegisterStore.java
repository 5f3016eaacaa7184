package dev.quire.kvm.arm64;

import dev.quire.emulator.device.arm64.GenericTimer;
import dev.quire.emulator.exec.Arm64Core;
import dev.quire.emulator.exec.SystemRegister;
import dev.quire.emulator.vcpu.arm64.Arm64SystemRegisters;
import dev.quire.kernel.mm.Errno;
import dev.quire.mmu.arm64.Arm64Mmu;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongConsumer;

/**
 * KVM_REG_ARM64_SYSREG: the system registers of a vCPU that a client reads and writes. VM thread
 * only.
 */
final class SystemRegisterStore {
  // As the ABI has them: CVAL and CNT of the virtual timer swapped.
  private static final int TIMER_CTL = SystemRegister.of(3, 3, 14, 3, 1);
  private static final int TIMER_CVAL = SystemRegister.of(3, 3, 14, 0, 2);
  private static final int TIMER_CNT = SystemRegister.of(3, 3, 14, 3, 2);
  private static final int PTIMER_CTL = SystemRegister.of(3, 3, 14, 2, 1);
  private static final int PTIMER_CVAL = SystemRegister.of(3, 3, 14, 2, 2);
  private static final int PTIMER_CNT = SystemRegister.of(3, 3, 14, 0, 1);
  private static final int CNTV_CVAL_EL0 = SystemRegister.of(3, 3, 14, 3, 2);
  private static final int CNTVCT_EL0 = SystemRegister.of(3, 3, 14, 0, 2);
  private static final int CNTVOFF_EL2 = SystemRegister.of(3, 4, 14, 0, 3);

  /** Registers of the core that KVM names too, beside those of {@link IdRegisters}. */
  private static final int[] CORE = {
    SystemRegister.SCTLR_EL1,
    SystemRegister.CPACR_EL1,
    SystemRegister.TTBR0_EL1,
    SystemRegister.TTBR1_EL1,
    SystemRegister.TCR_EL1,
    SystemRegister.ESR_EL1,
    SystemRegister.FAR_EL1,
    SystemRegister.PAR_EL1,
    SystemRegister.MAIR_EL1,
    SystemRegister.VBAR_EL1,
    SystemRegister.CONTEXTIDR_EL1,
    SystemRegister.TPIDR_EL1,
    SystemRegister.CNTKCTL_EL1,
    SystemRegister.CSSELR_EL1,
    SystemRegister.TPIDR_EL0,
    SystemRegister.TPIDRRO_EL0,
  };

  /** The core has nothing behind these: a client reads what it wrote, the guest zeros. */
  private static final int[] KEPT = {
    SystemRegister.of(2, 0, 0, 2, 0), // MDCCINT_EL1
    SystemRegister.of(3, 0, 5, 1, 0), // AFSR0_EL1
    SystemRegister.of(3, 0, 5, 1, 1), // AFSR1_EL1
    SystemRegister.of(3, 0, 10, 3, 0), // AMAIR_EL1
  };

  private final Arm64Core core;
  private final Arm64Mmu mmu;
  private final Arm64SystemRegisters machine;
  private final GenericTimer timer;
  private final Map<Integer, Long> kept = new HashMap<>();
  private IdRegisters ids;
  private boolean pointerAuthentication;

  SystemRegisterStore(
      Arm64Core core, Arm64Mmu mmu, Arm64SystemRegisters machine, GenericTimer timer) {
    this.core = core;
    this.mmu = mmu;
    this.machine = machine;
    this.timer = timer;
  }

  /** The vCPU was initialized with these. */
  void initialize(IdRegisters newIds, boolean withPointerAuthentication) {
    ids = newIds;
    pointerAuthentication = withPointerAuthentication;
  }

  long spsr() {
    return core.readSystem(SystemRegister.SPSR_EL1);
  }

  void setSpsr(long value) {
    core.writeSystem(SystemRegister.SPSR_EL1, value);
  }

  /** Whether there is such a register. */
  boolean has(int register) {
    return IdRegisters.owns(register)
        || isTimer(register)
        || register == SystemRegister.MDSCR_EL1
        || register == SystemRegister.OSLSR_EL1
        || contains(CORE, register)
        || contains(KEPT, register)
        || pointerAuthentication && isPointerKey(register);
  }

  private static boolean isTimer(int register) {
    return register == TIMER_CTL
        || register == TIMER_CVAL
        || register == TIMER_CNT
        || register == PTIMER_CTL
        || register == PTIMER_CVAL
        || register == PTIMER_CNT;
  }

  private static boolean isPointerKey(int register) {
    for (int key = 0; key < SystemRegister.POINTER_KEY_REGISTERS; key++) {
      if (SystemRegister.pointerKey(key) == register) {
        return true;
      }
    }
    return false;
  }

  private static boolean contains(int[] registers, int register) {
    for (int one : registers) {
      if (one == register) {
        return true;
      }
    }
    return false;
  }

  long get(int register) {
    if (IdRegisters.owns(register)) {
      return ids.read(register);
    }
    if (isTimer(register)) {
      return timer.read(timerRegister(register));
    }
    if (contains(KEPT, register)) {
      return kept.getOrDefault(register, 0L);
    }
    return register == SystemRegister.MDSCR_EL1 ? machine.mdscr() : core.readSystem(register);
  }

  /** The register that the ABI's number stands for. */
  private static int timerRegister(int register) {
    return register == TIMER_CVAL ? CNTV_CVAL_EL0 : register == TIMER_CNT ? CNTVCT_EL0 : register;
  }

  /**
   * Writes a register that {@link #has} admits.
   *
   * @param mayChangeFeatures whether no vCPU of the VM has run
   * @return 0, -EINVAL or -EBUSY
   */
  long set(int register, long value, boolean mayChangeFeatures) {
    if (IdRegisters.owns(register)) {
      if (ids.write(register, value, mayChangeFeatures)) {
        return 0;
      }
      return mayChangeFeatures ? -Errno.EINVAL : -Errno.EBUSY;
    }
    if (isTimer(register)) {
      setTimer(register, value);
      return 0;
    }
    if (register == SystemRegister.OSLSR_EL1) {
      core.writeSystem(SystemRegister.OSLAR_EL1, (value & SystemRegister.OSLSR_OSLK) == 0 ? 0 : 1);
      return 0;
    }
    if (register == SystemRegister.MDSCR_EL1) {
      machine.restoreMdscr(value);
      return 0;
    }
    if (contains(KEPT, register)) {
      kept.put(register, value);
      return 0;
    }
    core.writeSystem(register, value);
    tellMmu(register, value);
    return 0;
  }

  /** A count is set by moving its offset. */
  private void setTimer(int register, long value) {
    if (register == TIMER_CNT) {
      timer.write(CNTVOFF_EL2, timer.physicalCount() - value);
    } else if (register != PTIMER_CNT) {
      timer.write(timerRegister(register), value);
    }
  }

  private void tellMmu(int register, long value) {
    if (register == SystemRegister.TTBR0_EL1) {
      mmu.writeTtbr0(value);
    } else if (register == SystemRegister.TTBR1_EL1) {
      mmu.writeTtbr1(value);
    } else if (register == SystemRegister.TCR_EL1) {
      mmu.writeTcr(value);
    } else if (register == SystemRegister.SCTLR_EL1) {
      mmu.writeSctlr(value);
    } else if (register == SystemRegister.MAIR_EL1) {
      mmu.writeMair(value);
    }
  }

  /** KVM_ARM_SET_COUNTER_OFFSET: virtual and physical count both lag behind the host's. */
  void setCounterOffset(long offset) {
    timer.write(CNTVOFF_EL2, offset);
  }

  /** As after a reset; SCTLR_EL1 and CPACR_EL1 the core has reset itself. */
  void reset() {
    for (int register : CORE) {
      if (register != SystemRegister.SCTLR_EL1) {
        core.writeSystem(register, 0);
        tellMmu(register, 0);
      }
    }
    tellMmu(SystemRegister.SCTLR_EL1, core.sctlrEl1());
    setSpsr(0);
    machine.restoreMdscr(0);
    kept.clear();
    for (int register : new int[] {TIMER_CTL, PTIMER_CTL, TIMER_CVAL, PTIMER_CVAL}) {
      setTimer(register, 0);
    }
  }

  /** Tells all numbers. */
  void list(LongConsumer to) {
    for (int register = 0; register <= 0xffff; register++) {
      if (has(register)) {
        to.accept(OneReg.of(register));
      }
    }
  }
}
