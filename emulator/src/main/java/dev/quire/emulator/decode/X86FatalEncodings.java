package dev.quire.emulator.decode;

/**
 * Finds the one kind of instruction the engine cannot even translate: BT, BTS, BTR or BTC with a
 * LOCK prefix and a register operand. It is undefined on hardware (#UD; SDM vol. 2A, LOCK), but
 * Unicorn 2.1.4 ends the process in its code generator ({@code tcg_abort}), and any guest program
 * can contain it. So code is looked through before the engine may read it.
 *
 * <p>Instruction boundaries are not known beforehand: the bytes are found at any offset, also where
 * they are data or parts of other instructions.
 */
public final class X86FatalEncodings {
  private static final int LOCK = 0xf0;
  private static final int MOST_PREFIXES = 12;

  private X86FatalEncodings() {}

  /**
   * The offset of the first such instruction's {@code 0F} byte at or behind {@code from}, or -1.
   *
   * @param code bytes in the order of their addresses; an instruction cut off at either end is not
   *     found, so pass what lies around the page too
   */
  public static int find(byte[] code, int from, int length) {
    for (int at = Math.max(from, 1); at + 2 < length; at++) {
      if (code[at] == 0x0f && isBitTestOfRegister(code, at) && isLocked(code, at)) {
        return at;
      }
    }
    return -1;
  }

  /** Whether a decoded instruction is of that kind. */
  public static boolean isFatal(X86Instruction instruction) {
    if (!instruction.hasLockPrefix()
        || instruction.opcodeMap() != 1
        || !instruction.isRegisterForm()) {
      return false;
    }
    return switch (instruction.opcode()) {
      case 0xa3, 0xab, 0xb3, 0xbb -> true;
      case 0xba -> instruction.digit() >= 4;
      default -> false;
    };
  }

  private static boolean isBitTestOfRegister(byte[] code, int at) {
    int modrm = code[at + 2] & 0xff;
    return switch (code[at + 1] & 0xff) {
      case 0xa3, 0xab, 0xb3, 0xbb -> modrm >= 0xc0;
      case 0xba -> modrm >= 0xe0;
      default -> false;
    };
  }

  private static boolean isLocked(byte[] code, int at) {
    int first = Math.max(0, at - MOST_PREFIXES);
    for (int i = at - 1; i >= first; i--) {
      int prefix = code[i] & 0xff;
      if (prefix == LOCK) {
        return true;
      }
      if (!isPrefix(prefix)) {
        return false;
      }
    }
    return false;
  }

  private static boolean isPrefix(int value) {
    return switch (value) {
      case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3 -> true;
      default -> (value & 0xf0) == 0x40;
    };
  }
}
