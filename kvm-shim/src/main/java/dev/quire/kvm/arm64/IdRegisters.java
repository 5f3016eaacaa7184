package dev.quire.kvm.arm64;

import dev.quire.emulator.exec.SystemRegister;
import dev.quire.emulator.exec.SystemRegisterHandler;

/**
 * The identification registers that a guest sees: those of the core at first, from which a client
 * may take features away until the vCPU has run (Linux v6.18 arch/arm64/kvm/sys_regs.c,
 * set_id_reg). One vCPU's.
 */
final class IdRegisters {
  private static final int FIRST_CRM = 1;
  private static final int LAST_CRM = 7;
  private static final int OP2S = 8;
  private static final int FIELD_BITS = 4;
  private static final long FIELD = 15;

  // What "max" of Unicorn 2.1 has beside what the machine answers (QEMU target/arm/cpu64.c).
  private static final int MIDR_EL1 = SystemRegister.of(3, 0, 0, 0, 0);
  private static final int REVIDR_EL1 = SystemRegister.of(3, 0, 0, 0, 6);
  private static final int CLIDR_EL1 = SystemRegister.of(3, 1, 0, 0, 1);
  private static final int AIDR_EL1 = SystemRegister.of(3, 1, 0, 0, 7);
  private static final int CTR_EL0 = SystemRegister.of(3, 3, 0, 0, 1);
  private static final int ISAR1 = SystemRegister.of(3, 0, 0, 6, 1);
  private static final int ISAR2 = SystemRegister.of(3, 0, 0, 6, 2);
  private static final int MMFR1 = SystemRegister.of(3, 0, 0, 7, 1);
  private static final int MMFR2 = SystemRegister.of(3, 0, 0, 7, 2);
  private static final long MIDR_MAX = 0x000f_0510L;
  private static final long CTR_MAX = 0x8444_c004L;
  private static final long ISAR1_MAX = 0x0111_0121_1012L;
  private static final long MMFR1_MAX = 0x0021_1120L;
  private static final long MMFR2_MAX = 0x11;

  /** APA, API, GPA, GPI: pointer authentication. */
  private static final long ISAR1_PAUTH = 0xff00_0ff0L;

  private final long[] values = new long[(LAST_CRM - FIRST_CRM + 1) * OP2S];
  private long mpidr;

  /**
   * @param machine answers for the registers that the machine does not leave to the core
   * @param pointerAuthentication whether the client asked for it
   */
  IdRegisters(SystemRegisterHandler machine, long mpidr, boolean pointerAuthentication) {
    this.mpidr = mpidr;
    set(ISAR1, pointerAuthentication ? ISAR1_MAX : ISAR1_MAX & ~ISAR1_PAUTH);
    set(MMFR1, MMFR1_MAX);
    set(MMFR2, MMFR2_MAX);
    for (int register :
        new int[] {
          SystemRegister.ID_AA64PFR0_EL1,
          SystemRegister.ID_AA64PFR1_EL1,
          SystemRegister.ID_AA64DFR0_EL1,
          SystemRegister.ID_AA64ISAR0_EL1,
          SystemRegister.ID_AA64MMFR0_EL1
        }) {
      machine.read(register);
      set(register, machine.value());
    }
  }

  private void set(int register, long value) {
    values[index(register)] = value;
  }

  private static int index(int register) {
    return (SystemRegister.crm(register) - FIRST_CRM) * OP2S + SystemRegister.op2(register);
  }

  /** ID_PFR0_EL1 to the last of ID_AA64MMFR: op0 3, op1 0, CRn 0, CRm 1 to 7. */
  static boolean isFeature(int register) {
    int crm = SystemRegister.crm(register);
    return SystemRegister.op0(register) == 3
        && SystemRegister.op1(register) == 0
        && SystemRegister.crn(register) == 0
        && crm >= FIRST_CRM
        && crm <= LAST_CRM;
  }

  /** Whether it is a register of this class. */
  static boolean owns(int register) {
    return isFeature(register)
        || register == SystemRegister.MPIDR_EL1
        || register == MIDR_EL1
        || register == REVIDR_EL1
        || register == CLIDR_EL1
        || register == AIDR_EL1
        || register == CTR_EL0;
  }

  long read(int register) {
    if (isFeature(register)) {
      return values[index(register)];
    }
    return register == SystemRegister.MPIDR_EL1
        ? mpidr
        : register == MIDR_EL1 ? MIDR_MAX : register == CTR_EL0 ? CTR_MAX : 0;
  }

  /**
   * A client's write: the same value, or one with less features.
   *
   * @param mayChange whether no vCPU of the VM has run
   * @return whether it is taken
   */
  boolean write(int register, long value, boolean mayChange) {
    if (register == SystemRegister.MPIDR_EL1) {
      mpidr = value;
      return true;
    }
    if (value == read(register)) {
      return true;
    }
    if (!mayChange || writableMask(register) == 0) {
      return false;
    }
    long limit = read(register);
    for (int shift = 0; shift < Long.SIZE; shift += FIELD_BITS) {
      if ((value >>> shift & FIELD) > (limit >>> shift & FIELD)) {
        return false;
      }
    }
    set(register, value);
    return true;
  }

  /** Bits of a feature register that a client may change (KVM_ARM_GET_REG_WRITABLE_MASKS). */
  static long writableMask(int register) {
    return register == SystemRegister.ID_AA64PFR1_EL1
            || register == SystemRegister.ID_AA64ISAR0_EL1
            || register == ISAR1
            || register == ISAR2
        ? -1
        : 0;
  }
}
