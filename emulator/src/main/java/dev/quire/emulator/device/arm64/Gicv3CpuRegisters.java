package dev.quire.emulator.device.arm64;

/**
 * A PE's CPU interface by system registers (Arm IHI 0069, "AArch64 System register descriptions"),
 * on the interface that a GICv2 has at addresses. Group 0 interrupts are FIQs. On the vCPU's
 * thread.
 */
public final class Gicv3CpuRegisters {
  /** Makes an SGI pending at a PE. */
  interface Requests {
    void request(int cpu, int sgi);
  }

  // GICC_ registers of the interface underneath.
  private static final int GICC_CTLR = 0x00;
  private static final int GICC_PMR = 0x04;
  private static final int GICC_BPR = 0x08;
  private static final int GICC_IAR = 0x0c;
  private static final int GICC_EOIR = 0x10;
  private static final int GICC_RPR = 0x14;
  private static final int GICC_HPPIR = 0x18;
  private static final int GICC_ABPR = 0x1c;
  private static final int GICC_AIAR = 0x20;
  private static final int GICC_AEOIR = 0x24;
  private static final int GICC_AHPPIR = 0x28;
  private static final int GICC_APR = 0xd0;
  private static final int GICC_NSAPR = 0xe0;
  private static final int GICC_DIR = 0x1000;

  private static final int FIQ_EN = 1 << 3;
  private static final int CBPR = 1 << 4;
  private static final int EOI_MODE = 1 << 9;
  private static final int ICC_CBPR = 1;
  private static final int ICC_EOI_MODE = 1 << 1;
  private static final int ICC_PRI_BITS = 8;
  private static final int SRE_ENABLED = 7;
  private static final int OTHER_GROUP = 1022;
  private static final int SPURIOUS = 1023;
  private static final long SGI_ALL_OTHERS = 1L << 40;

  // op1 0: CRn, CRm and op2 in bits 10:0 of a register's number.
  private static final int PMR = 4 << 7 | 6 << 3;
  private static final int GROUP_0 = 12 << 7 | 8 << 3;
  private static final int ACTIVE_1 = 12 << 7 | 9 << 3;
  private static final int COMMANDS = 12 << 7 | 11 << 3;
  private static final int GROUP_1 = 12 << 7 | 12 << 3;

  private final GicCpuInterface underneath;
  private final int cpu;
  private final int priorityBits;
  private final Gicv3Affinities affinities;
  private final Requests requests;

  Gicv3CpuRegisters(
      GicCpuInterface underneath,
      int cpu,
      int priorityBits,
      Gicv3Affinities affinities,
      Requests requests) {
    this.underneath = underneath;
    this.cpu = cpu;
    this.priorityBits = priorityBits;
    this.affinities = affinities;
    this.requests = requests;
    underneath.writeWord(GICC_CTLR, FIQ_EN);
  }

  /** Whether a number, as MRS and MSR have it in bits 20:5, is one of these registers. */
  public static boolean owns(int register) {
    if (register >>> 14 != 3 || (register >>> 11 & 7) != 0) {
      return false;
    }
    int low = register & 0x7ff;
    if (low == PMR) {
      return true;
    }
    return switch (low & ~7) {
      case GROUP_0, GROUP_1 -> true;
      case ACTIVE_1 -> (low & 7) < 4;
      case COMMANDS -> {
        int op2 = low & 7;
        yield op2 == 1 || op2 == 3 || op2 >= 5;
      }
      default -> false;
    };
  }

  /** Whether it holds state: reading it acknowledges nothing, writing it starts nothing. */
  public static boolean isState(int register) {
    if (!owns(register)) {
      return false;
    }
    return switch (register & 0x7ff) {
      case PMR,
          GROUP_0 | 3,
          GROUP_0 | 4,
          ACTIVE_1,
          GROUP_1 | 3,
          GROUP_1 | 4,
          GROUP_1 | 5,
          GROUP_1 | 6,
          GROUP_1 | 7 ->
          true;
      default -> false;
    };
  }

  /** Reads a register that {@link #owns} admits; those that are only written read as zero. */
  public long read(int register) {
    int low = register & 0x7ff;
    return switch (low) {
      case PMR -> word(GICC_PMR);
      case GROUP_0 -> shown(word(GICC_IAR));
      case GROUP_0 | 2 -> shown(word(GICC_HPPIR));
      case GROUP_0 | 3 -> word(GICC_BPR);
      case GROUP_0 | 4 -> word(GICC_APR);
      case ACTIVE_1 -> word(GICC_NSAPR);
      case COMMANDS | 3 -> word(GICC_RPR);
      case GROUP_1 -> shown(word(GICC_AIAR));
      case GROUP_1 | 2 -> shown(word(GICC_AHPPIR));
      case GROUP_1 | 3 -> word(GICC_ABPR);
      case GROUP_1 | 4 -> control();
      case GROUP_1 | 5 -> SRE_ENABLED;
      case GROUP_1 | 6 -> word(GICC_CTLR) & 1;
      case GROUP_1 | 7 -> word(GICC_CTLR) >>> 1 & 1;
      default -> 0;
    };
  }

  private long word(int offset) {
    return underneath.readWord(offset) & 0xffff_ffffL;
  }

  /** There is no number for an interrupt of the other group. */
  private static long shown(long intid) {
    return intid == OTHER_GROUP ? SPURIOUS : intid;
  }

  private long control() {
    long below = word(GICC_CTLR);
    return ((below & CBPR) != 0 ? ICC_CBPR : 0)
        | ((below & EOI_MODE) != 0 ? ICC_EOI_MODE : 0)
        | (long) (priorityBits - 1) << ICC_PRI_BITS;
  }

  /** Writes a register that {@link #owns} admits; those that are only read ignore it. */
  public void write(int register, long value) {
    int low = register & 0x7ff;
    int word = (int) value;
    switch (low) {
      case PMR -> underneath.writeWord(GICC_PMR, word);
      case GROUP_0 | 1 -> underneath.writeWord(GICC_EOIR, word);
      case GROUP_0 | 3 -> underneath.writeWord(GICC_BPR, word);
      case GROUP_0 | 4 -> underneath.writeWord(GICC_APR, word);
      case ACTIVE_1 -> underneath.writeWord(GICC_NSAPR, word);
      case COMMANDS | 1 -> underneath.writeWord(GICC_DIR, word);
      case COMMANDS | 5, COMMANDS | 6, COMMANDS | 7 -> generate(value);
      case GROUP_1 | 1 -> underneath.writeWord(GICC_AEOIR, word);
      case GROUP_1 | 3 -> underneath.writeWord(GICC_ABPR, word);
      case GROUP_1 | 4 -> setControl(word);
      case GROUP_1 | 6 -> setBits(1, word & 1);
      case GROUP_1 | 7 -> setBits(2, (word & 1) << 1);
      default -> {
        // Read-only, or fixed.
      }
    }
  }

  private void setControl(int value) {
    int wanted =
        ((value & ICC_CBPR) != 0 ? CBPR : 0) | ((value & ICC_EOI_MODE) != 0 ? EOI_MODE : 0);
    setBits(CBPR | EOI_MODE, wanted);
  }

  private void setBits(int mask, int value) {
    underneath.writeWord(GICC_CTLR, underneath.readWord(GICC_CTLR) & ~mask | value);
  }

  /** ICC_SGI1R_EL1: INTID in 27:24, IRM in 40, a list of 16 PEs of one cluster in 15:0. */
  private void generate(long value) {
    int sgi = (int) (value >>> 24) & 15;
    if ((value & SGI_ALL_OTHERS) != 0) {
      for (int other = 0; other < affinities.cpus(); other++) {
        if (other != cpu) {
          requests.request(other, sgi);
        }
      }
      return;
    }
    long cluster =
        (value >>> 48 & 0xff) << 32 | (value >>> 32 & 0xff) << 16 | (value >>> 16 & 0xff) << 8;
    long first = (value >>> 44 & 15) * 16;
    for (int bit = 0; bit < 16; bit++) {
      int target = (value >>> bit & 1) == 0 ? -1 : affinities.find(cluster | first + bit);
      if (target >= 0) {
        requests.request(target, sgi);
      }
    }
  }
}
