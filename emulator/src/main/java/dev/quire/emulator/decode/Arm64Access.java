package dev.quire.emulator.decode;

/**
 * The memory access of one A64 instruction, packed into a long; 0 is an instruction without one.
 *
 * <pre>
 *  63      40 39 38   36 35   33 32  28 27  25 24  23  22  21  20  19  18  14 13 10 9    2 1  0
 * +----------+--+-------+-------+------+------+---+---+---+---+---+---+------+-----+------+----+
 * | offset   |V | shift | option| index| form |ZVA|ATO|EXC|REL|ACQ|UNP| base | regs| bytes|kind|
 * +----------+--+-------+-------+------+------+---+---+---+---+---+---+------+-----+------+----+
 * </pre>
 *
 * Made by {@link Arm64AccessDecoder}; the names are those of the Arm ARM (DDI 0487, C4.1 and C3.2).
 */
public final class Arm64Access {
  /** The instruction accesses no memory, or nothing this decoder knows. */
  public static final long NONE = 0;

  static final int FORM_OFFSET = 0;
  static final int FORM_INDEX = 1;
  static final int FORM_LITERAL = 2;

  private static final AccessKind[] KINDS = AccessKind.values();
  private static final int BYTES_SHIFT = 2;
  private static final int REGISTERS_SHIFT = 10;
  private static final int BASE_SHIFT = 14;
  static final long UNPRIVILEGED = 1L << 19;
  static final long ACQUIRE = 1L << 20;
  static final long RELEASE = 1L << 21;
  static final long EXCLUSIVE = 1L << 22;
  static final long ATOMIC = 1L << 23;
  static final long ZERO_BLOCK = 1L << 24;
  private static final int FORM_SHIFT = 25;
  private static final int INDEX_SHIFT = 28;
  private static final int OPTION_SHIFT = 33;
  private static final int SHIFT_SHIFT = 36;
  static final long VECTOR = 1L << 39;
  private static final int OFFSET_SHIFT = 40;

  private Arm64Access() {}

  static long of(AccessKind kind, int bytes, int registers, int base) {
    return kind.ordinal()
        | (long) bytes << BYTES_SHIFT
        | (long) registers << REGISTERS_SHIFT
        | (long) base << BASE_SHIFT;
  }

  static long withOffset(long access, int offset) {
    return access | (long) FORM_OFFSET << FORM_SHIFT | (long) offset << OFFSET_SHIFT;
  }

  static long withLiteral(long access, int offset) {
    return access | (long) FORM_LITERAL << FORM_SHIFT | (long) offset << OFFSET_SHIFT;
  }

  static long withIndex(long access, int index, int option, int shift) {
    return access
        | (long) FORM_INDEX << FORM_SHIFT
        | (long) index << INDEX_SHIFT
        | (long) option << OPTION_SHIFT
        | (long) shift << SHIFT_SHIFT;
  }

  public static AccessKind kind(long access) {
    return KINDS[(int) access & 3];
  }

  /** Bytes accessed in all; 0 for DC ZVA, whose size DCZID_EL0 gives. */
  public static int bytes(long access) {
    return (int) (access >>> BYTES_SHIFT) & 0xff;
  }

  /** Registers loaded or stored. */
  public static int registers(long access) {
    return (int) (access >>> REGISTERS_SHIFT) & 0xf;
  }

  /** The base register; 31 is SP, but for DC ZVA it is the zero register. */
  public static int base(long access) {
    return (int) (access >>> BASE_SHIFT) & 0x1f;
  }

  /** LDTR, STTR and their variants: checked as EL0 accesses. */
  public static boolean isUnprivileged(long access) {
    return (access & UNPRIVILEGED) != 0;
  }

  /** Load-acquire, whether sequentially or processor consistent. */
  public static boolean isAcquire(long access) {
    return (access & ACQUIRE) != 0;
  }

  public static boolean isRelease(long access) {
    return (access & RELEASE) != 0;
  }

  /** LDXR, STXR and their variants. */
  public static boolean isExclusive(long access) {
    return (access & EXCLUSIVE) != 0;
  }

  /** FEAT_LSE: CAS, SWP, LDADD and their variants, single and pair. */
  public static boolean isAtomic(long access) {
    return (access & ATOMIC) != 0;
  }

  /** DC ZVA: a whole block is written, from its aligned start. */
  public static boolean isZeroBlock(long access) {
    return (access & ZERO_BLOCK) != 0;
  }

  /** The address is relative to the program counter. */
  public static boolean isLiteral(long access) {
    return ((int) (access >>> FORM_SHIFT) & 7) == FORM_LITERAL;
  }

  /** The registers are SIMD and floating-point ones. */
  public static boolean isVector(long access) {
    return (access & VECTOR) != 0;
  }

  /**
   * The virtual address of the access, tag included; for DC ZVA as the register has it. LDRAA and
   * LDRAB: before authentication.
   *
   * @param pc the address of the instruction
   */
  public static long address(long access, Arm64RegisterView registers, long pc) {
    int form = (int) (access >>> FORM_SHIFT) & 7;
    long offset = access >> OFFSET_SHIFT;
    if (form == FORM_LITERAL) {
      return pc + offset;
    }
    int number = base(access);
    long base;
    if (number != 31) {
      base = registers.x(number);
    } else {
      base = isZeroBlock(access) ? 0 : registers.sp();
    }
    return base + (form == FORM_INDEX ? index(access, registers) : offset);
  }

  /** The extended and shifted index register (Arm ARM, ExtendReg). */
  private static long index(long access, Arm64RegisterView registers) {
    int number = (int) (access >>> INDEX_SHIFT) & 0x1f;
    int option = (int) (access >>> OPTION_SHIFT) & 7;
    int shift = (int) (access >>> SHIFT_SHIFT) & 7;
    long value = number == 31 ? 0 : registers.x(number);
    long extended =
        switch (option) {
          case 2 -> value & 0xffff_ffffL;
          case 6 -> (int) value;
          default -> value;
        };
    return extended << shift;
  }
}
