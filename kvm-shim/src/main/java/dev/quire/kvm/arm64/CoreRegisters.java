package dev.quire.kvm.arm64;

import dev.quire.emulator.exec.Arm64RegisterFile;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.LittleEndian;
import java.util.function.LongConsumer;

/**
 * KVM_REG_ARM_CORE: struct kvm_regs by offsets in 32-bit words (Linux v6.18
 * arch/arm64/include/uapi/asm/kvm.h, arch/arm64/kvm/guest.c). VM thread only.
 *
 * <pre>
 *   0 x0..x30 | 62 sp_el0 | 64 pc | 66 pstate | 68 sp_el1 | 70 elr_el1 | 72 spsr[5]
 *  84 v0..v31 (128 bits) | 212 fpsr | 213 fpcr
 * </pre>
 */
final class CoreRegisters {
  private static final int WORDS = 864 / 4;
  private static final int SP = 62;
  private static final int PC = 64;
  private static final int PSTATE = 66;
  private static final int SP_EL1 = 68;
  private static final int ELR_EL1 = 70;
  private static final int SPSR = 72;
  private static final int SPSR_END = 82;
  private static final int V = 84;
  private static final int FPSR = 212;
  private static final int FPCR = 213;
  private static final int VECTOR_WORDS = 4;
  private static final long PSTATE_AARCH32 = 1 << 4;
  private static final int MODE_EL0T = 0;
  private static final int MODE_EL1T = 4;
  private static final int MODE_EL1H = 5;

  private final Arm64RegisterFile file;
  private final SystemRegisterStore system;

  /** SPSR_abt, und, irq, fiq: of AArch32, kept and no more. */
  private final long[] banked = new long[4];

  private final long[] lowHigh = new long[2];

  CoreRegisters(Arm64RegisterFile file, SystemRegisterStore system) {
    this.file = file;
    this.system = system;
  }

  /** Bytes of the register at an offset, or -EINVAL. */
  private static int bytes(int offset) {
    if (offset >= V && offset < FPSR) {
      return (offset - V) % VECTOR_WORDS == 0 ? 16 : -Errno.EINVAL;
    }
    if (offset == FPSR || offset == FPCR) {
      return 4;
    }
    return offset < SPSR_END && offset % 2 == 0 ? 8 : -Errno.EINVAL;
  }

  /** Whether the number can be one: 0, -ENOENT or -EINVAL. */
  long error(long id) {
    int offset = (int) id & 0xffff;
    int size = OneReg.bytes(id);
    if (offset >= WORDS || offset + size / 4 >= WORDS) {
      return -Errno.ENOENT;
    }
    return bytes(offset) == size ? 0 : -Errno.EINVAL;
  }

  /** Reads a register without {@link #error}. */
  void get(long id, byte[] into) {
    int offset = (int) id & 0xffff;
    if (offset >= V && offset < FPSR) {
      file.v((offset - V) / VECTOR_WORDS, lowHigh);
      LittleEndian.putLong(into, 0, lowHigh[0]);
      LittleEndian.putLong(into, 8, lowHigh[1]);
    } else if (offset == FPSR || offset == FPCR) {
      LittleEndian.putInt(into, 0, offset == FPSR ? file.fpsr() : file.fpcr());
    } else {
      LittleEndian.putLong(into, 0, word(offset));
    }
  }

  private long word(int offset) {
    return switch (offset) {
      case SP -> file.sp(0);
      case PC -> file.pc();
      case PSTATE -> file.pstate();
      case SP_EL1 -> file.sp(1);
      case ELR_EL1 -> file.elr();
      case SPSR -> system.spsr();
      default -> offset < SP ? file.x(offset / 2) : banked[(offset - SPSR) / 2 - 1];
    };
  }

  /** Writes a register without {@link #error}: 0 or -EINVAL. */
  long set(long id, byte[] from) {
    int offset = (int) id & 0xffff;
    if (offset >= V && offset < FPSR) {
      long low = LittleEndian.getLong(from, 0);
      file.setV((offset - V) / VECTOR_WORDS, low, LittleEndian.getLong(from, 8));
      return 0;
    }
    if (offset == FPSR) {
      file.setFpsr(LittleEndian.getInt(from, 0));
      return 0;
    }
    if (offset == FPCR) {
      file.setFpcr(LittleEndian.getInt(from, 0));
      return 0;
    }
    return setWord(offset, LittleEndian.getLong(from, 0));
  }

  private long setWord(int offset, long value) {
    switch (offset) {
      case SP -> file.setSp(0, value);
      case PC -> file.setPc(value);
      case PSTATE -> {
        return setPstate(value);
      }
      case SP_EL1 -> file.setSp(1, value);
      case ELR_EL1 -> file.setElr(value);
      case SPSR -> system.setSpsr(value);
      default -> {
        if (offset < SP) {
          file.setX(offset / 2, value);
        } else {
          banked[(offset - SPSR) / 2 - 1] = value;
        }
      }
    }
    return 0;
  }

  private long setPstate(long value) {
    int mode = (int) value & 15;
    boolean legal = mode == MODE_EL0T || mode == MODE_EL1T || mode == MODE_EL1H;
    if ((value & PSTATE_AARCH32) != 0 || !legal) {
      return -Errno.EINVAL;
    }
    file.setPstate(value);
    return 0;
  }

  /** Tells all numbers, in KVM_GET_REG_LIST's order. */
  static void list(LongConsumer to) {
    for (int offset = 0; offset < WORDS; offset++) {
      int size = bytes(offset);
      if (size > 0) {
        to.accept(OneReg.ARM64 | OneReg.CORE | OneReg.size(size) | offset);
      }
    }
  }
}
