package dev.quire.emulator.decode;

/**
 * Decodes one x86 instruction into a reused {@link X86Instruction}: length, operands, stack use and
 * class. Table-driven, without allocation. Legal or not, every byte string gets a length, as long
 * as it fits in 15 bytes; encodings without meaning get the class {@link
 * X86InstructionClass#UNDEFINED}.
 *
 * <p>Formats as in the SDM vol. 2, chapter 2. In one choice the vendors differ and the execution
 * engine follows AMD: with a 66 prefix a near branch in 64-bit mode has a 16-bit displacement (AMD
 * APM vol. 3, 1.2.4; Intel ignores the prefix). And where the engine executes what the manual
 * leaves undefined, the engine's reading is given: 8F is POP whatever its opcode digit.
 *
 * <p>Instances are cheap and belong to one thread.
 */
public final class X86Decoder {
  /** The buffer ends before the instruction does. */
  public static final int NEEDS_MORE_BYTES = -1;

  /** More than 15 bytes: #GP(0) on hardware. */
  public static final int TOO_LONG = -2;

  private static final int MAX_LENGTH = 15;

  private byte[] code;
  private int position;
  private int limit;
  private int start;
  private int failure;
  private X86Instruction out;
  private boolean operandPrefix;
  private boolean addressPrefix;
  private int repeatPrefix;

  /**
   * Decodes the instruction at {@code offset}.
   *
   * @param code holds the instruction's bytes
   * @param offset of its first byte
   * @param limit end of the valid bytes in {@code code}
   * @param mode the code size
   * @param instruction overwritten with the result; meaningless after a failure
   * @return the length in bytes, or {@link #NEEDS_MORE_BYTES} or {@link #TOO_LONG}
   */
  public int decode(byte[] code, int offset, int limit, CodeMode mode, X86Instruction instruction) {
    this.code = code;
    this.start = offset;
    this.position = offset;
    this.limit = limit;
    this.failure = 0;
    this.out = instruction;
    this.operandPrefix = false;
    this.addressPrefix = false;
    this.repeatPrefix = 0;
    instruction.reset(mode);
    int first = prefixes();
    sizes();
    opcode(first);
    if (failure != 0) {
      return failure;
    }
    instruction.length = position - start;
    X86Semantics.complete(instruction, repeatPrefix);
    return instruction.length;
  }

  private int prefixes() {
    while (true) {
      int next = u8();
      if (failure != 0) {
        return next;
      }
      switch (next) {
        case 0xf2, 0xf3 -> repeatPrefix = next;
        case 0xf0 -> out.lockPrefix = true;
        case 0x66 -> operandPrefix = true;
        case 0x67 -> addressPrefix = true;
        case 0x26 -> segment(X86RegisterView.ES);
        case 0x2e -> segment(X86RegisterView.CS);
        case 0x36 -> segment(X86RegisterView.SS);
        case 0x3e -> segment(X86RegisterView.DS);
        case 0x64 -> segment(X86RegisterView.FS);
        case 0x65 -> segment(X86RegisterView.GS);
        default -> {
          if (out.mode != CodeMode.BITS_64 || (next & 0xf0) != 0x40) {
            return next;
          }
          out.rex = next;
          continue;
        }
      }
      // A REX prefix counts only directly before the opcode (SDM vol. 2, 2.2.1).
      out.rex = 0;
    }
  }

  private void segment(int segment) {
    // The old four are null prefixes in 64-bit mode (SDM vol. 2, 2.2.1.7; AMD APM vol. 3, 1.2.4).
    if (out.mode != CodeMode.BITS_64 || segment >= X86RegisterView.FS) {
      out.segmentOverride = segment;
    }
  }

  private void sizes() {
    switch (out.mode) {
      case BITS_16 -> {
        out.operandBytes = operandPrefix ? 4 : 2;
        out.addressBytes = addressPrefix ? 4 : 2;
      }
      case BITS_32 -> {
        out.operandBytes = operandPrefix ? 2 : 4;
        out.addressBytes = addressPrefix ? 2 : 4;
      }
      case BITS_64 -> {
        out.operandBytes = rexW() ? 8 : operandPrefix ? 2 : 4;
        out.addressBytes = addressPrefix ? 4 : 8;
      }
    }
    out.repPrefix = repeatPrefix != 0;
  }

  private void opcode(int first) {
    out.opcode = first;
    if (isVectorPrefix(first)) {
      vectorExtension(first);
      return;
    }
    if (first == 0x0f) {
      int second = u8();
      if (second == 0x38 || second == 0x3a) {
        out.map = second == 0x38 ? 2 : 3;
        out.opcode = u8();
      } else {
        out.map = 1;
        out.opcode = second;
      }
      out.prefix = mandatoryPrefix();
    }
    operands(X86OpcodeMaps.cell(out.map, out.prefix, out.opcode));
  }

  private int mandatoryPrefix() {
    return switch (repeatPrefix) {
      case 0xf3 -> X86OpcodeMaps.PREFIX_F3;
      // CRC32 and MOVBE use 66 for their size, so F2 wins (SDM vol. 2A, 3.1.1.1).
      case 0xf2 -> X86OpcodeMaps.PREFIX_F2;
      default -> operandPrefix ? X86OpcodeMaps.PREFIX_66 : X86OpcodeMaps.NO_PREFIX;
    };
  }

  /** C4, C5 and 62 are LES, LDS and BOUND outside 64-bit mode unless mod would be a register. */
  private boolean isVectorPrefix(int first) {
    if (first != 0xc4 && first != 0xc5 && first != 0x62) {
      return false;
    }
    if (out.mode == CodeMode.BITS_64) {
      return true;
    }
    return out.mode == CodeMode.BITS_32 && position < limit && (code[position] & 0xc0) == 0xc0;
  }

  private void vectorExtension(int first) {
    out.vectorExtension = true;
    out.rex = 0;
    int second = u8();
    int map = 1;
    int encoded = second;
    if (first != 0xc5) {
      map = second & (first == 0x62 ? 7 : 0x1f);
      encoded = u8();
      out.rex = ~second >>> 5 & 7;
    }
    if (first == 0x62) {
      u8();
    }
    out.prefix = encoded & 3;
    out.opcode = u8();
    if (map == 1 && first != 0x62 && (out.opcode == 0x38 || out.opcode == 0x3a)) {
      map = out.opcode == 0x38 ? 2 : 3;
      out.opcode = u8();
    }
    out.map = map;
    if (map == 1) {
      // The engine takes a VEX-encoded opcode for what it is without VEX: even 0F 38, even Jcc.
      operands(X86OpcodeMaps.cell(1, out.prefix, out.opcode));
      return;
    }
    modrm(false);
    if (map == 3) {
      out.immediate = s8();
    }
    out.undefined = map != 2 && map != 3;
  }

  private void operands(int cell) {
    out.undefined = X86OpcodeMaps.isUndefined(cell);
    switch (X86OpcodeMaps.form(cell)) {
      case '-', 'x' -> {}
      case 'u' -> out.undefined = true;
      case '?' -> {
        out.undefined = true;
        modrm(false);
        if (out.map == 3) {
          u8();
        }
      }
      case 'M' -> {
        modrm(false);
        testImmediate();
      }
      case 'R' -> modrm(true);
      case 'S' -> {
        modrm(true);
        out.immediate = s8();
      }
      case 'B' -> {
        modrm(false);
        out.immediate = s8();
      }
      case 'D' -> {
        modrm(false);
        skip(2);
      }
      case 'Z' -> {
        modrm(false);
        out.immediate = immediateZ();
      }
      case 'b' -> out.immediate = s8();
      case 'z', 'j' -> out.immediate = immediateZ();
      case 'w' -> out.immediate = u16();
      case 'v' -> out.immediate = rexW() ? s64() : immediateZ();
      case 'e' -> {
        out.immediate = u16();
        skip(1);
      }
      case 'f' -> {
        immediateZ();
        skip(2);
      }
      case 'o' -> offsetOperand();
      default -> throw new IllegalStateException("opcode map cell " + Integer.toHexString(cell));
    }
    if (failure == 0) {
      X86Operands.resolve(out, cell);
    }
  }

  /** F6 and F7 have an immediate for TEST only (SDM vol. 2, table A-6, group 3). */
  private void testImmediate() {
    if (out.map == 0 && (out.opcode & 0xfe) == 0xf6 && out.digit() < 2) {
      out.immediate = out.opcode == 0xf6 ? s8() : immediateZ();
    }
  }

  private void offsetOperand() {
    out.displacement =
        switch (out.addressBytes) {
          case 2 -> u16();
          case 4 -> s32() & 0xffff_ffffL;
          default -> s64();
        };
    out.addressed = true;
  }

  private void modrm(boolean alwaysRegister) {
    out.modrm = u8();
    out.hasModrm = true;
    if (alwaysRegister) {
      out.modrm |= 0xc0;
    }
    if (out.modrm >= 0xc0) {
      return;
    }
    out.addressed = true;
    if (out.addressBytes == 2) {
      address16();
    } else {
      address32();
    }
  }

  /** SDM vol. 2, table 2-1. */
  private void address16() {
    int mod = out.modrm >>> 6;
    int rm = out.modrm & 7;
    switch (rm) {
      case 0, 1, 7 -> out.baseRegister = X86RegisterView.RBX;
      case 2, 3, 6 -> out.baseRegister = X86RegisterView.RBP;
      case 4 -> out.baseRegister = X86RegisterView.RSI;
      default -> out.baseRegister = X86RegisterView.RDI;
    }
    if (rm < 4) {
      out.indexRegister = (rm & 1) == 0 ? X86RegisterView.RSI : X86RegisterView.RDI;
    }
    if (mod == 0 && rm == 6) {
      out.baseRegister = -1;
      out.displacement = s16();
    } else if (mod == 1) {
      out.displacement = s8();
    } else if (mod == 2) {
      out.displacement = s16();
    }
  }

  /** SDM vol. 2, tables 2-2 and 2-3, and 2.2.1.6 for RIP-relative addresses. */
  private void address32() {
    int mod = out.modrm >>> 6;
    int rm = out.modrm & 7;
    int base = rm;
    if (rm == 4) {
      int sib = u8();
      out.scaleShift = sib >>> 6;
      int index = sib >>> 3 & 7 | (out.rex & 2) << 2;
      out.indexRegister = index == 4 ? -1 : index;
      base = sib & 7;
    }
    if (mod == 0 && base == 5) {
      out.displacement = s32();
      out.ripRelative = rm == 5 && out.mode == CodeMode.BITS_64;
      return;
    }
    out.baseRegister = base | (out.rex & 1) << 3;
    if (mod == 1) {
      out.displacement = s8();
    } else if (mod == 2) {
      out.displacement = s32();
    }
  }

  private boolean rexW() {
    return (out.rex & 8) != 0;
  }

  private long immediateZ() {
    return out.operandBytes == 2 ? s16() : s32();
  }

  private int u8() {
    if (failure != 0) {
      return 0;
    }
    if (position - start >= MAX_LENGTH) {
      failure = TOO_LONG;
      return 0;
    }
    if (position >= limit) {
      failure = NEEDS_MORE_BYTES;
      return 0;
    }
    return code[position++] & 0xff;
  }

  private int s8() {
    return (byte) u8();
  }

  private int u16() {
    int low = u8();
    return low | u8() << 8;
  }

  private int s16() {
    return (short) u16();
  }

  private int s32() {
    int low = u16();
    return low | u16() << 16;
  }

  private long s64() {
    long low = s32() & 0xffff_ffffL;
    return low | (long) s32() << 32;
  }

  private void skip(int bytes) {
    for (int i = 0; i < bytes; i++) {
      u8();
    }
  }
}
