package dev.quire.bindings;

/**
 * Where Capstone's structs keep what is read here (capstone.h, x86.h, arm64.h of 4.0 and 5.0; all
 * offsets in bytes). Fields equal in both versions are constants.
 *
 * @param insnBytes size of cs_insn
 * @param mnemonic offset of its mnemonic
 * @param operandText offset of its op_str
 * @param detail offset of its detail pointer
 * @param archDetail offset of the architecture's part in cs_detail
 * @param arm64Count offset of op_count in cs_arm64
 * @param arm64Type offset of type in cs_arm64_op
 */
record CapstoneLayout(
    int insnBytes,
    int mnemonic,
    int operandText,
    int detail,
    int archDetail,
    int arm64Count,
    int arm64Type) {
  static final int INSN_ADDRESS = 8;
  static final int INSN_SIZE = 16;
  static final int MNEMONIC_BYTES = 32;
  static final int OPERAND_TEXT_BYTES = 160;

  static final int X86_COUNT = 64;
  static final int X86_OPERANDS = 72;
  static final int X86_OPERAND_BYTES = 48;
  static final int X86_TYPE = 0;
  static final int X86_VALUE = 8;
  static final int X86_SIZE = 32;
  static final int X86_ACCESS = 33;

  static final int ARM64_OPERANDS = 8;
  static final int ARM64_OPERAND_BYTES = 56;
  static final int ARM64_VALUE = 32;
  static final int ARM64_ACCESS = 48;

  /** cs_arm64_op.shift {type, value} stands 12 bytes before its type in both versions. */
  static final int ARM64_SHIFT_BEFORE_TYPE = 12;

  static final int ARM64_SHIFT_LSL = 1;

  /** More operands than any instruction has: a bound on what is believed. */
  static final int MAX_OPERANDS = 8;

  static CapstoneLayout of(NativeLibrary library) {
    return library.version() >>> 24 == 4
        ? new CapstoneLayout(240, 34, 66, 232, 80, 6, 24)
        : new CapstoneLayout(248, 42, 74, 240, 96, 7, 20);
  }
}
