package dev.quire.emulator.decode;

/** Kind and size of the memory operand: the opcode map's cell, and the groups by opcode digit. */
final class X86Operands {
  private static final int FXSAVE_BYTES = 512;

  private X86Operands() {}

  static void resolve(X86Instruction in, int cell) {
    if (in.undefined || !in.addressed) {
      return;
    }
    switch (X86OpcodeMaps.access(cell)) {
      case 'r' -> set(in, AccessKind.READ, bytes(in, X86OpcodeMaps.size(cell)));
      case 'w' -> set(in, AccessKind.WRITE, bytes(in, X86OpcodeMaps.size(cell)));
      case 'm' -> set(in, AccessKind.READ_WRITE, bytes(in, X86OpcodeMaps.size(cell)));
      case 'g' -> group(in, bytes(in, X86OpcodeMaps.size(cell)));
      default -> {}
    }
    in.bitOffset =
        in.map == 1
            && (in.opcode == 0xa3 || in.opcode == 0xab || in.opcode == 0xb3 || in.opcode == 0xbb);
  }

  private static int bytes(X86Instruction in, int size) {
    return switch (size) {
      case 'b' -> 1;
      case 'w' -> 2;
      case 'd' -> 4;
      case 'q' -> 8;
      case 'x' -> 16;
      case 'v' -> in.operandBytes;
      case 'y' -> in.operandBytes == 8 ? 8 : 4;
      case 'l' -> in.mode == CodeMode.BITS_64 ? 8 : 4;
      case 'p' -> in.operandBytes + 2;
      case 'n' -> in.operandBytes * 2;
      default -> 0;
    };
  }

  private static void set(X86Instruction in, AccessKind kind, int bytes) {
    in.memoryKind = kind;
    in.memoryBytes = bytes;
  }

  private static void group(X86Instruction in, int bytes) {
    if (in.map == 0) {
      oneByteGroup(in, bytes);
    } else {
      twoByteGroup(in, bytes);
    }
  }

  private static void oneByteGroup(X86Instruction in, int bytes) {
    int digit = in.digit();
    switch (in.opcode) {
      case 0x80, 0x81, 0x82, 0x83 ->
          set(in, digit == 7 ? AccessKind.READ : AccessKind.READ_WRITE, bytes);
      case 0x63 -> {
        if (in.mode == CodeMode.BITS_64) {
          set(in, AccessKind.READ, in.operandBytes == 2 ? 2 : 4);
        } else {
          set(in, AccessKind.READ_WRITE, 2);
        }
      }
      case 0xf6, 0xf7 ->
          set(in, digit == 2 || digit == 3 ? AccessKind.READ_WRITE : AccessKind.READ, bytes);
      case 0xfe, 0xff -> incDecGroup(in, digit, bytes);
      default -> X87Operands.resolve(in, digit);
    }
  }

  /** Groups 4 and 5 (SDM vol. 2, table A-6). */
  private static void incDecGroup(X86Instruction in, int digit, int bytes) {
    in.undefined = digit > 1 && in.opcode == 0xfe || digit == 7;
    if (in.opcode == 0xfe && in.undefined) {
      return;
    }
    boolean wide = in.mode == CodeMode.BITS_64;
    switch (digit) {
      case 0, 1 -> set(in, AccessKind.READ_WRITE, bytes);
      case 3, 5 -> set(in, AccessKind.READ, in.operandBytes + 2);
      case 6 -> set(in, AccessKind.READ, wide && in.operandBytes != 2 ? 8 : in.operandBytes);
      // Undefined, but the engine reads the operand before it says so.
      case 7 -> set(in, AccessKind.READ, in.operandBytes);
      // Near branches read 8 bytes in 64-bit mode, whatever the prefix.
      default -> set(in, AccessKind.READ, wide ? 8 : in.operandBytes);
    }
  }

  private static void twoByteGroup(X86Instruction in, int bytes) {
    int digit = in.digit();
    switch (in.opcode) {
      case 0x00 -> {
        in.undefined = digit > 5;
        if (!in.undefined) {
          set(in, digit < 2 ? AccessKind.WRITE : AccessKind.READ, bytes);
        }
      }
      case 0x01 -> systemGroup(in, digit);
      case 0xba -> {
        in.undefined = digit < 4;
        if (!in.undefined) {
          set(in, digit == 4 ? AccessKind.READ : AccessKind.READ_WRITE, bytes);
        }
      }
      case 0xae -> stateGroup(in, digit);
      case 0xc7 -> exchangeGroup(in, digit);
      default -> throw new IllegalStateException("no group at 0F " + in.opcode);
    }
  }

  /** Group 7: descriptor table registers and machine status word. */
  private static void systemGroup(X86Instruction in, int digit) {
    int table = in.mode == CodeMode.BITS_64 ? 10 : 6;
    switch (digit) {
      case 0, 1 -> set(in, AccessKind.WRITE, table);
      case 2, 3 -> set(in, AccessKind.READ, table);
      case 4 -> set(in, AccessKind.WRITE, 2);
      case 6 -> set(in, AccessKind.READ, 2);
      case 5 -> in.undefined = true;
      default -> {}
    }
  }

  /** Group 15: FXSAVE and friends; with 66 or F3 the cache line and shadow stack instructions. */
  private static void stateGroup(X86Instruction in, int digit) {
    switch (digit) {
      case 0 -> set(in, AccessKind.WRITE, FXSAVE_BYTES);
      case 1 -> set(in, AccessKind.READ, FXSAVE_BYTES);
      case 2 -> set(in, AccessKind.READ, 4);
      case 3 -> set(in, AccessKind.WRITE, 4);
      case 4 -> {
        if (in.prefix == X86OpcodeMaps.PREFIX_F3) {
          set(in, AccessKind.READ, in.operandBytes == 8 ? 8 : 4);
        } else {
          set(in, AccessKind.WRITE, FXSAVE_BYTES);
        }
      }
      case 5 -> set(in, AccessKind.READ, FXSAVE_BYTES);
      case 6 -> {
        if (in.prefix == X86OpcodeMaps.NO_PREFIX) {
          set(in, AccessKind.WRITE, FXSAVE_BYTES);
        } else if (in.prefix == X86OpcodeMaps.PREFIX_F3) {
          set(in, AccessKind.READ_WRITE, 8);
        }
      }
      default -> {}
    }
  }

  /** Group 9: CMPXCHG8B, CMPXCHG16B, compacted XSAVE, and VMX pointers. */
  private static void exchangeGroup(X86Instruction in, int digit) {
    switch (digit) {
      case 1 -> set(in, AccessKind.READ_WRITE, in.operandBytes == 8 ? 16 : 8);
      case 3 -> set(in, AccessKind.READ, FXSAVE_BYTES);
      case 4, 5 -> set(in, AccessKind.WRITE, FXSAVE_BYTES);
      case 6 -> set(in, AccessKind.READ, 8);
      case 7 -> set(in, AccessKind.WRITE, 8);
      default -> in.undefined = true;
    }
  }
}
