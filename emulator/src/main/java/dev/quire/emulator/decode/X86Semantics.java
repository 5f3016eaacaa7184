package dev.quire.emulator.decode;

import static dev.quire.emulator.decode.AccessKind.READ;
import static dev.quire.emulator.decode.AccessKind.WRITE;

/** What the opcode map does not say: class, implicit operands, stack effects. */
final class X86Semantics {
  private X86Semantics() {}

  static void complete(X86Instruction in, int repeatPrefix) {
    if (in.vectorExtension) {
      vectorOperand(in);
    } else if (in.undefined) {
      in.instructionClass = X86InstructionClass.UNDEFINED;
    } else if (in.map == 0) {
      oneByte(in, repeatPrefix);
    } else if (in.map == 1) {
      in.instructionClass = X86TwoByteClasses.of(in);
      twoByteStack(in);
    } else if (in.map == 2 && in.prefix == X86OpcodeMaps.PREFIX_66) {
      in.instructionClass = map38Class(in);
    }
  }

  private static void vectorOperand(X86Instruction in) {
    if (in.undefined) {
      in.instructionClass = X86InstructionClass.UNDEFINED;
    }
  }

  private static X86InstructionClass map38Class(X86Instruction in) {
    boolean memory = in.addressed;
    return switch (in.opcode) {
      case 0x80, 0x81 -> memory ? X86InstructionClass.VMX : X86InstructionClass.UNDEFINED;
      case 0x82 -> memory ? X86InstructionClass.INVPCID : X86InstructionClass.UNDEFINED;
      default -> X86InstructionClass.ORDINARY;
    };
  }

  private static void oneByte(X86Instruction in, int repeatPrefix) {
    if (in.mode == CodeMode.BITS_64 && isInvalidIn64(in)) {
      in.instructionClass = X86InstructionClass.UNDEFINED;
      return;
    }
    in.instructionClass = oneByteClass(in, repeatPrefix);
    oneByteStack(in);
    if (in.opcode == 0xd7) {
      in.baseRegister = X86RegisterView.RBX;
      in.addressed = true;
      in.memoryKind = READ;
      in.memoryBytes = 1;
    }
  }

  /** SDM vol. 2, appendix A, opcodes marked i64. */
  private static boolean isInvalidIn64(X86Instruction in) {
    return switch (in.opcode) {
      case 0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f -> true;
      case 0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4, 0xd5, 0xd6, 0xea -> true;
      default -> false;
    };
  }

  private static X86InstructionClass oneByteClass(X86Instruction in, int repeatPrefix) {
    return switch (in.opcode) {
      case 0x6c, 0x6d -> X86InstructionClass.INS;
      case 0x6e, 0x6f -> X86InstructionClass.OUTS;
      case 0xe4, 0xe5, 0xec, 0xed -> X86InstructionClass.IN;
      case 0xe6, 0xe7, 0xee, 0xef -> X86InstructionClass.OUT;
      case 0xcc -> X86InstructionClass.INT3;
      case 0xcd -> X86InstructionClass.INT_N;
      case 0xce -> X86InstructionClass.INTO;
      case 0xcf -> X86InstructionClass.IRET;
      case 0xf1 -> X86InstructionClass.INT1;
      case 0xf4 -> X86InstructionClass.HLT;
      case 0xfa -> X86InstructionClass.CLI;
      case 0xfb -> X86InstructionClass.STI;
      case 0x9c -> X86InstructionClass.PUSHF;
      case 0x9d -> X86InstructionClass.POPF;
      case 0x17 -> X86InstructionClass.LOAD_SS;
      case 0x8c -> in.digit() > 5 ? X86InstructionClass.UNDEFINED : X86InstructionClass.ORDINARY;
      case 0x8e -> loadSegmentClass(in.digit());
      case 0x90 -> isPause(in, repeatPrefix);
      case 0x62, 0xc4, 0xc5 ->
          in.addressed ? X86InstructionClass.ORDINARY : X86InstructionClass.UNDEFINED;
      case 0x8d -> in.addressed ? X86InstructionClass.ORDINARY : X86InstructionClass.UNDEFINED;
      case 0xc6, 0xc7 -> moveImmediateClass(in);
      case 0xfe -> in.digit() > 1 ? X86InstructionClass.UNDEFINED : X86InstructionClass.ORDINARY;
      case 0xff -> indirectClass(in);
      default -> X86InstructionClass.ORDINARY;
    };
  }

  /** MOV to CS is undefined; MOV to SS opens an interrupt shadow. */
  private static X86InstructionClass loadSegmentClass(int segment) {
    return switch (segment) {
      case X86RegisterView.CS, 6, 7 -> X86InstructionClass.UNDEFINED;
      case X86RegisterView.SS -> X86InstructionClass.LOAD_SS;
      default -> X86InstructionClass.ORDINARY;
    };
  }

  /** F3 90 is PAUSE, even with 66; with REX.B it is XCHG R8, RAX. */
  private static X86InstructionClass isPause(X86Instruction in, int repeatPrefix) {
    boolean pause = repeatPrefix == 0xf3 && (in.rex & 1) == 0;
    return pause ? X86InstructionClass.PAUSE : X86InstructionClass.ORDINARY;
  }

  /** C6 and C7 are MOV with digit 0; F8 behind them is XABORT or XBEGIN (group 11). */
  private static X86InstructionClass moveImmediateClass(X86Instruction in) {
    boolean defined = in.digit() == 0 || in.modrm == 0xf8;
    return defined ? X86InstructionClass.ORDINARY : X86InstructionClass.UNDEFINED;
  }

  private static X86InstructionClass indirectClass(X86Instruction in) {
    boolean farRegister = in.isRegisterForm() && (in.digit() == 3 || in.digit() == 5);
    boolean defined = in.digit() != 7 && !farRegister;
    return defined ? X86InstructionClass.ORDINARY : X86InstructionClass.UNDEFINED;
  }

  private static void oneByteStack(X86Instruction in) {
    int word = stackWord(in);
    switch (in.opcode) {
      case 0x06, 0x0e, 0x16, 0x1e, 0x68, 0x6a, 0x9c -> stack(in, WRITE, word);
      case 0x07, 0x17, 0x1f, 0x9d -> stack(in, READ, word);
      case 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57 -> stack(in, WRITE, word);
      case 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f -> stack(in, READ, word);
      case 0x60 -> stack(in, WRITE, 8 * in.operandBytes);
      case 0x61 -> stack(in, READ, 8 * in.operandBytes);
      case 0x8f -> {
        stack(in, READ, word);
        in.memoryBytes = in.addressed ? word : 0;
      }
      case 0xc8 -> stack(in, WRITE, word);
      case 0xc9, 0xc2, 0xc3 -> stack(in, READ, word);
      case 0xca, 0xcb -> stack(in, READ, 2 * in.operandBytes);
      case 0xcf -> stack(in, READ, (in.mode == CodeMode.BITS_64 ? 5 : 3) * in.operandBytes);
      case 0xe8 -> stack(in, WRITE, word);
      case 0x9a -> stack(in, WRITE, 2 * in.operandBytes);
      case 0xff -> {
        switch (in.digit()) {
          case 2, 6 -> stack(in, WRITE, word);
          case 3 -> stack(in, WRITE, 2 * in.operandBytes);
          default -> {}
        }
      }
      default -> {}
    }
  }

  private static void twoByteStack(X86Instruction in) {
    switch (in.opcode) {
      case 0xa0, 0xa8 -> stack(in, WRITE, stackWord(in));
      case 0xa1, 0xa9 -> stack(in, READ, stackWord(in));
      case 0xf7 -> maskedMove(in);
      default -> {}
    }
  }

  /** MASKMOVQ and MASKMOVDQU write at DS:(R)DI. */
  private static void maskedMove(X86Instruction in) {
    in.baseRegister = X86RegisterView.RDI;
    in.addressed = true;
    in.memoryKind = WRITE;
    in.memoryBytes = in.prefix == X86OpcodeMaps.PREFIX_66 ? 16 : 8;
  }

  /** In 64-bit mode pushes are 8 bytes unless 66 makes them 2 (SDM vol. 1, 6.2.2). */
  private static int stackWord(X86Instruction in) {
    return in.mode == CodeMode.BITS_64 && in.operandBytes != 2 ? 8 : in.operandBytes;
  }

  private static void stack(X86Instruction in, AccessKind kind, int bytes) {
    if (in.instructionClass != X86InstructionClass.UNDEFINED) {
      in.stackKind = kind;
      in.stackBytes = bytes;
    }
  }
}
