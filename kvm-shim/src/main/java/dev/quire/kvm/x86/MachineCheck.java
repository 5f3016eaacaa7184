package dev.quire.kvm.x86;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmMce;
import dev.quire.kvm.abi.LittleEndian;

/**
 * Machine-check banks of a vCPU: KVM_X86_SETUP_MCE, KVM_X86_SET_MCE and the registers (Linux v6.18
 * arch/x86/kvm/x86.c). No error is ever raised by the machine itself. VM thread only.
 */
final class MachineCheck {
  /** KVM_MAX_MCE_BANKS. */
  static final int MAX_BANKS = 32;

  /** What KVM_X86_SETUP_MCE may ask for beyond the number of banks: MCG_CTL_P and MCG_SER_P. */
  static final long SUPPORTED = 1L << 8 | 1L << 24;

  private static final int MCG_CAP = 0x179;
  private static final int MCG_STATUS = 0x17a;
  private static final int MCG_CTL = 0x17b;
  private static final int MC0_CTL = 0x400;
  private static final int MC0_CTL2 = 0x280;
  private static final long MCG_CTL_P = 1L << 8;
  private static final long MCG_CMCI_P = 1L << 10;
  private static final long ALWAYS_TAKEN = 0xff | 0xff_0000;
  private static final long CTL2_BITS = 1L << 30 | 0x7fff;
  private static final long STATUS_VALID = 1L << 63;
  private static final long STATUS_OVERFLOW = 1L << 62;
  private static final long STATUS_UNCORRECTED = 1L << 61;
  private static final long MCG_STATUS_IN_PROGRESS = 1L << 2;

  private final long[] banks = new long[4 * MAX_BANKS];
  private final long[] control2 = new long[MAX_BANKS];
  private long capabilities = MAX_BANKS;
  private long status;
  private long control;
  private long value;

  /** What KVM_X86_SET_MCE leads to. */
  enum Injected {
    NOTHING,
    EXCEPTION,
    TRIPLE_FAULT,
    INVALID
  }

  private int banks() {
    return (int) capabilities & 0xff;
  }

  /** KVM_X86_SETUP_MCE: 0 or -errno. */
  long setUp(long wanted) {
    int count = (int) wanted & 0xff;
    if (count == 0 || count > MAX_BANKS || (wanted & ~(SUPPORTED | ALWAYS_TAKEN)) != 0) {
      return -Errno.EINVAL;
    }
    capabilities = wanted;
    if ((wanted & MCG_CTL_P) != 0) {
      control = -1;
    }
    for (int bank = 0; bank < count; bank++) {
      banks[4 * bank] = -1;
    }
    return 0;
  }

  /** KVM_X86_SET_MCE. */
  Injected inject(byte[] mce, boolean enabled) {
    int bank = LittleEndian.getByte(mce, KvmMce.BANK);
    long bits = LittleEndian.getLong(mce, KvmMce.STATUS);
    if (bank >= banks() || (bits & STATUS_VALID) == 0) {
      return Injected.INVALID;
    }
    int at = 4 * bank;
    boolean uncorrected = (bits & STATUS_UNCORRECTED) != 0;
    if (uncorrected && ((capabilities & MCG_CTL_P) != 0 && control != -1 || banks[at] != -1)) {
      return Injected.NOTHING;
    }
    if (uncorrected && ((status & MCG_STATUS_IN_PROGRESS) != 0 || !enabled)) {
      return Injected.TRIPLE_FAULT;
    }
    boolean full = (banks[at + 1] & STATUS_VALID) != 0;
    if (!uncorrected && full && (banks[at + 1] & STATUS_UNCORRECTED) != 0) {
      banks[at + 1] |= STATUS_OVERFLOW;
      return Injected.NOTHING;
    }
    banks[at + 1] = full ? bits | STATUS_OVERFLOW : bits;
    banks[at + 2] = LittleEndian.getLong(mce, KvmMce.ADDR);
    banks[at + 3] = LittleEndian.getLong(mce, KvmMce.MISC);
    if (!uncorrected) {
      return Injected.NOTHING;
    }
    status = LittleEndian.getLong(mce, KvmMce.MCG_STATUS);
    return Injected.EXCEPTION;
  }

  static boolean contains(int msr) {
    return msr >= MCG_CAP && msr <= MCG_CTL
        || msr >= MC0_CTL && msr < MC0_CTL + 4 * MAX_BANKS
        || msr >= MC0_CTL2 && msr < MC0_CTL2 + MAX_BANKS;
  }

  long value() {
    return value;
  }

  /** Reads into {@link #value}; false for #GP. */
  boolean read(int msr, boolean host) {
    switch (msr) {
      case MCG_CAP -> value = capabilities;
      case MCG_STATUS -> value = status;
      case MCG_CTL -> {
        value = control;
        return host || (capabilities & MCG_CTL_P) != 0;
      }
      default -> {
        boolean second = msr < MC0_CTL;
        int index = second ? msr - MC0_CTL2 : msr - MC0_CTL;
        if (index >= (second ? banks() : 4 * banks())) {
          return false;
        }
        value = second ? control2[index] : banks[index];
        return !second || host || (capabilities & MCG_CMCI_P) != 0;
      }
    }
    return true;
  }

  /** Writes; false for #GP. */
  boolean write(int msr, long data, boolean host) {
    switch (msr) {
      case MCG_CAP -> {
        return false;
      }
      case MCG_STATUS -> status = data;
      case MCG_CTL -> {
        boolean there = (capabilities & MCG_CTL_P) != 0 || host && data == 0;
        if (!there || data != 0 && data != -1) {
          return false;
        }
        control = data;
      }
      default -> {
        return msr < MC0_CTL
            ? writeControl2(msr - MC0_CTL2, data, host)
            : writeBank(msr - MC0_CTL, data, host);
      }
    }
    return true;
  }

  private boolean writeControl2(int index, long data, boolean host) {
    boolean there = (capabilities & MCG_CMCI_P) != 0 || host && data == 0;
    if (index >= banks() || !there || (data & ~CTL2_BITS) != 0) {
      return false;
    }
    control2[index] = data;
    return true;
  }

  private boolean writeBank(int index, long data, boolean host) {
    boolean badControl = (index & 3) == 0 && data != 0 && (data | 1 << 10 | 1) != -1;
    boolean badStatus = (index & 3) == 1 && data != 0 && !host;
    if (index >= 4 * banks() || badControl || badStatus) {
      return false;
    }
    banks[index] = data;
    return true;
  }
}
