package dev.quire.kvm.x86;

import dev.quire.emulator.decode.X86Instruction;

/**
 * Which instructions KVM's emulator knows, and so can access a device (Linux v6.18
 * arch/x86/kvm/emulate.c, opcode_table, twobyte_table, opcode_map_0f_38). The others end KVM_RUN
 * with an internal error.
 */
final class EmulatedInstructions {
  private static final int FIRST_X87 = 0xd8;
  private static final int LAST_X87 = 0xdf;

  /** FNSTCW and FNSTSW to memory: D9 /7, DD /7. */
  private static final int STORE_WORD_DIGIT = 7;

  /** VERR and VERW, 0F 00 /4 and /5, which the emulator's group 6 lacks. */
  private static final int VERR_DIGIT = 4;

  private EmulatedInstructions() {}

  static boolean knows(X86Instruction instruction) {
    if (instruction.isVectorExtension()) {
      return false;
    }
    int opcode = instruction.opcode();
    return switch (instruction.opcodeMap()) {
      case 0 -> opcode < FIRST_X87 || opcode > LAST_X87 || storesX87Word(instruction);
      case 1 -> opcode == 0 ? instruction.digit() < VERR_DIGIT : knowsTwoByte(opcode);
      case 2 -> opcode == 0x2a || opcode == 0xf0 || opcode == 0xf1;
      default -> false;
    };
  }

  private static boolean storesX87Word(X86Instruction instruction) {
    int opcode = instruction.opcode();
    return (opcode == 0xd9 || opcode == 0xdd) && instruction.digit() == STORE_WORD_DIGIT;
  }

  private static boolean knowsTwoByte(int opcode) {
    int row = opcode >>> 4;
    int column = opcode & 0xf;
    return switch (row) {
      case 0x0 -> column == 1 || column == 0xd;
      case 0x1 -> column <= 1 || column >= 8;
      case 0x2 -> column == 8 || column == 9 || column == 0xb;
      case 0x4, 0x8, 0x9 -> true;
      case 0x6, 0x7 -> column == 0xf;
      case 0xa -> column <= 5 || column >= 8;
      case 0xb -> column != 8 && column != 9;
      case 0xc -> column <= 1 || column == 3 || column == 7;
      case 0xe -> column == 7;
      default -> false;
    };
  }
}
