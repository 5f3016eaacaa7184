package dev.quire.emulator.decode;

/**
 * One decoded x86 instruction: a flyweight that {@link X86Decoder#decode} fills and the caller
 * reuses. Owned by one thread.
 *
 * <p>Addresses it computes are linear addresses, from the registers as they are before the
 * instruction executes (SDM vol. 1, 3.7.5 and 3.3.7).
 */
public final class X86Instruction {
  private static final int NO_REGISTER = -1;
  private static final long LOW_32 = 0xffff_ffffL;
  private static final long PAGE_MASK = ~0xfffL;

  CodeMode mode = CodeMode.BITS_64;
  int length;
  int map;
  int opcode;
  int prefix;
  boolean hasModrm;
  int modrm;
  int rex;
  int operandBytes;
  int addressBytes;
  int segmentOverride;
  boolean lockPrefix;
  boolean repPrefix;
  boolean vectorExtension;
  boolean undefined;
  long immediate;
  int baseRegister;
  int indexRegister;
  int scaleShift;
  long displacement;
  boolean ripRelative;
  boolean addressed;
  boolean bitOffset;
  AccessKind memoryKind = AccessKind.NONE;
  int memoryBytes;
  AccessKind stackKind = AccessKind.NONE;
  int stackBytes;
  X86InstructionClass instructionClass = X86InstructionClass.ORDINARY;

  void reset(CodeMode newMode) {
    mode = newMode;
    length = 0;
    map = 0;
    opcode = 0;
    prefix = X86OpcodeMaps.NO_PREFIX;
    hasModrm = false;
    modrm = 0;
    rex = 0;
    segmentOverride = NO_REGISTER;
    lockPrefix = false;
    repPrefix = false;
    vectorExtension = false;
    undefined = false;
    immediate = 0;
    baseRegister = NO_REGISTER;
    indexRegister = NO_REGISTER;
    scaleShift = 0;
    displacement = 0;
    ripRelative = false;
    addressed = false;
    bitOffset = false;
    memoryKind = AccessKind.NONE;
    memoryBytes = 0;
    stackKind = AccessKind.NONE;
    stackBytes = 0;
    instructionClass = X86InstructionClass.ORDINARY;
  }

  /** Length in bytes, 1 to 15, prefixes included. */
  public int length() {
    return length;
  }

  public CodeMode mode() {
    return mode;
  }

  /** The opcode map: 0 one-byte, 1 behind 0F, 2 behind 0F 38, 3 behind 0F 3A. */
  public int opcodeMap() {
    return map;
  }

  /** The opcode byte within its map. */
  public int opcode() {
    return opcode;
  }

  public boolean hasModrm() {
    return hasModrm;
  }

  public int modrm() {
    return modrm;
  }

  /** The ModRM reg field with REX.R: a general, control or debug register, or an opcode digit. */
  public int reg() {
    return modrm >>> 3 & 7 | (rex & 4) << 1;
  }

  /** The ModRM r/m field with REX.B: the register operand where there is no memory operand. */
  public int rm() {
    return modrm & 7 | (rex & 1) << 3;
  }

  /** The opcode digit: the ModRM reg field alone. */
  public int digit() {
    return modrm >>> 3 & 7;
  }

  /** Whether the ModRM byte names a register and no memory. */
  public boolean isRegisterForm() {
    return hasModrm && modrm >= 0xc0;
  }

  /** Operand size in bytes by the default, the 66 prefix and REX.W: 2, 4 or 8. */
  public int operandBytes() {
    return operandBytes;
  }

  /** Address size in bytes: 2, 4 or 8. It is also the width of a REP counter. */
  public int addressBytes() {
    return addressBytes;
  }

  /** The immediate operand, sign-extended; 0 if there is none. */
  public long immediate() {
    return immediate;
  }

  /** A VEX or EVEX encoding: its length is right, kind and size of its operand are not known. */
  public boolean isVectorExtension() {
    return vectorExtension;
  }

  public boolean hasLockPrefix() {
    return lockPrefix;
  }

  /** Whether the memory operand is accessed atomically: a LOCK prefix, or XCHG with memory. */
  public boolean locksMemory() {
    boolean exchange = map == 0 && (opcode == 0x86 || opcode == 0x87);
    return memoryKind == AccessKind.READ_WRITE && (lockPrefix || exchange);
  }

  public X86InstructionClass instructionClass() {
    return instructionClass;
  }

  /** What is done to the explicit memory operand (XLAT and MASKMOVQ count; strings do not). */
  public AccessKind memoryKind() {
    return memoryKind;
  }

  /** Bytes of the explicit memory operand; 0 without one. XSAVE reports its legacy area, 512. */
  public int memoryBytes() {
    return memoryBytes;
  }

  /** Whether there is an effective address, accessed or not (LEA, INVLPG and PREFETCH do not). */
  public boolean hasEffectiveAddress() {
    return addressed;
  }

  /** What is done to the stack: a push is a write, a pop a read. */
  public AccessKind stackKind() {
    return stackKind;
  }

  /** Bytes pushed or popped in all. */
  public int stackBytes() {
    return stackBytes;
  }

  /** MOVS, CMPS, STOS, LODS, SCAS, INS or OUTS. */
  public boolean isString() {
    return map == 0
        && ((opcode >= 0x6c && opcode <= 0x6f)
            || (opcode >= 0xa4 && opcode <= 0xa7)
            || (opcode >= 0xaa && opcode <= 0xaf));
  }

  /**
   * Whether the processor may look into a descriptor table or task state segment by itself for this
   * instruction: segment loads, far transfers, LAR, LSL, VERR and VERW.
   */
  public boolean accessesDescriptors() {
    if (map == 0) {
      return switch (opcode) {
        case 0x07, 0x17, 0x1f, 0x8e, 0x9a, 0xc4, 0xc5, 0xca, 0xcb, 0xcf, 0xea -> true;
        case 0xff -> digit() == 3 || digit() == 5;
        default -> false;
      };
    }
    return map == 1
        && switch (opcode) {
          case 0x00 -> digit() == 4 || digit() == 5;
          case 0x02, 0x03, 0xa1, 0xa9, 0xb2, 0xb4, 0xb5 -> true;
          default -> false;
        };
  }

  /** A string instruction with a REP, REPE or REPNE prefix. */
  public boolean isRepeated() {
    return repPrefix && isString();
  }

  /** Bytes one iteration of a string instruction moves, or an IN or OUT transfers. */
  public int elementBytes() {
    return (opcode & 1) == 0 ? 1 : Math.min(operandBytes, isPortAccess() ? 4 : 8);
  }

  private boolean isPortAccess() {
    return switch (instructionClass) {
      case IN, OUT, INS, OUTS -> true;
      default -> false;
    };
  }

  /** The port of an IN or OUT with an immediate, or -1 where DX names it. */
  public int immediatePort() {
    return map == 0 && opcode >= 0xe4 && opcode <= 0xe7 ? (int) immediate & 0xff : -1;
  }

  /** Whether a string instruction reads at (E)SI. */
  public boolean readsStringSource() {
    return isString()
        && switch (opcode) {
          case 0xa4, 0xa5, 0xa6, 0xa7, 0xac, 0xad, 0x6e, 0x6f -> true;
          default -> false;
        };
  }

  /** What a string instruction does at ES:(E)DI. */
  public AccessKind stringDestinationKind() {
    if (!isString()) {
      return AccessKind.NONE;
    }
    return switch (opcode) {
      case 0xa4, 0xa5, 0xaa, 0xab, 0x6c, 0x6d -> AccessKind.WRITE;
      case 0xa6, 0xa7, 0xae, 0xaf -> AccessKind.READ;
      default -> AccessKind.NONE;
    };
  }

  /** Linear address of the string source, which a segment prefix may move out of DS. */
  public long stringSourceAddress(X86RegisterView registers) {
    int segment = segmentOverride == NO_REGISTER ? X86RegisterView.DS : segmentOverride;
    return linear(truncate(registers.gpr(X86RegisterView.RSI)), segment, registers);
  }

  /** Linear address of the string destination, always in ES. */
  public long stringDestinationAddress(X86RegisterView registers) {
    return linear(truncate(registers.gpr(X86RegisterView.RDI)), X86RegisterView.ES, registers);
  }

  /**
   * Linear address of the explicit memory operand.
   *
   * @param rip the address of this instruction
   */
  public long effectiveAddress(X86RegisterView registers, long rip) {
    return linear(offset(registers, rip), segment(), registers);
  }

  /** The operand's offset in its segment, truncated to the address size. */
  public long offset(X86RegisterView registers, long rip) {
    long offset = displacement;
    if (ripRelative) {
      offset += rip + length;
    }
    if (baseRegister != NO_REGISTER) {
      offset += registers.gpr(baseRegister);
      if (baseRegister == X86RegisterView.RSP && isPopToMemory()) {
        // POP increments the stack pointer before it computes the address (SDM vol. 2, POP).
        offset += stackBytes;
      }
    }
    if (indexRegister != NO_REGISTER) {
      offset += registers.gpr(indexRegister) << scaleShift;
    }
    if (isXlat()) {
      offset += registers.gpr(X86RegisterView.RAX) & 0xff;
    }
    if (bitOffset) {
      offset += bitStringOffset(registers.gpr(reg()));
    }
    return truncate(offset);
  }

  /** The segment of the explicit memory operand, in hardware order. */
  public int segment() {
    if (segmentOverride != NO_REGISTER) {
      return segmentOverride;
    }
    boolean stackBased = baseRegister == X86RegisterView.RSP || baseRegister == X86RegisterView.RBP;
    return stackBased ? X86RegisterView.SS : X86RegisterView.DS;
  }

  /** Lowest linear address the instruction pushes to or pops from (ENTER: its first push). */
  public long stackAddress(X86RegisterView registers) {
    boolean leave = map == 0 && opcode == 0xc9;
    long pointer = registers.gpr(leave ? X86RegisterView.RBP : X86RegisterView.RSP);
    if (stackKind == AccessKind.WRITE) {
      pointer -= stackBytes;
    }
    long offset = truncateTo(pointer, mode.addressBytes());
    return linear(offset, X86RegisterView.SS, registers);
  }

  /**
   * What this instruction does on one page, all its operands together: a page read and written by
   * one operand or by two is {@link AccessKind#READ_WRITE}.
   *
   * @param page any linear address on the page
   * @param rip the address of this instruction
   */
  public AccessKind kindOnPage(long page, X86RegisterView registers, long rip) {
    boolean reads = false;
    boolean writes = false;
    if (memoryKind != AccessKind.NONE
        && touches(page, effectiveAddress(registers, rip), memoryBytes)) {
      reads = memoryKind != AccessKind.WRITE;
      writes = memoryKind.faultsAsWrite();
    }
    if (stackKind != AccessKind.NONE && touches(page, stackAddress(registers), stackBytes)) {
      reads |= stackKind == AccessKind.READ;
      writes |= stackKind == AccessKind.WRITE;
    }
    if (readsStringSource() && touches(page, stringSourceAddress(registers), elementBytes())) {
      reads = true;
    }
    AccessKind destination = stringDestinationKind();
    if (destination != AccessKind.NONE
        && touches(page, stringDestinationAddress(registers), elementBytes())) {
      reads |= destination == AccessKind.READ;
      writes |= destination == AccessKind.WRITE;
    }
    if (writes) {
      return reads ? AccessKind.READ_WRITE : AccessKind.WRITE;
    }
    return reads ? AccessKind.READ : AccessKind.NONE;
  }

  private static boolean touches(long page, long linear, int bytes) {
    long first = linear & PAGE_MASK;
    long last = linear + bytes - 1 & PAGE_MASK;
    long wanted = page & PAGE_MASK;
    return wanted == first || wanted == last;
  }

  private boolean isXlat() {
    return map == 0 && opcode == 0xd7;
  }

  private boolean isPopToMemory() {
    return map == 0 && opcode == 0x8f;
  }

  /** BT, BTS, BTR, BTC with a register: the bit string reaches beyond the operand (SDM vol. 2). */
  private long bitStringOffset(long bits) {
    return switch (operandBytes) {
      case 2 -> (short) bits >> 4 << 1;
      case 4 -> (int) bits >> 5 << 2;
      default -> bits >> 6 << 3;
    };
  }

  private long truncate(long offset) {
    return truncateTo(offset, addressBytes);
  }

  private static long truncateTo(long offset, int bytes) {
    return switch (bytes) {
      case 2 -> offset & 0xffff;
      case 4 -> offset & LOW_32;
      default -> offset;
    };
  }

  private long linear(long offset, int segment, X86RegisterView registers) {
    if (mode == CodeMode.BITS_64) {
      // Only FS and GS have a base in 64-bit mode (SDM vol. 1, 3.3.7.1 and 3.4.2.1).
      return segment >= X86RegisterView.FS ? offset + registers.segmentBase(segment) : offset;
    }
    return offset + registers.segmentBase(segment) & LOW_32;
  }
}
