package dev.quire.emulator.decode;

/** Memory operands of the x87 escapes D8 to DF (SDM vol. 2, tables ). */
final class X87Operands {
  /** One row an opcode, one cell an opcode digit: access letter and bytes. */
  private static final String[] CELLS = {
    "r4 r4 r4 r4 r4 r4 r4 r4", // D8
    "r4 u0 w4 w4 re r2 we w2", // D9: e is the environment
    "r4 r4 r4 r4 r4 r4 r4 r4", // DA
    "r4 w4 w4 w4 u0 rt u0 wt", // DB: t is ten bytes
    "r8 r8 r8 r8 r8 r8 r8 r8", // DC
    "r8 w8 w8 w8 rs u0 ws w2", // DD: s is the whole state
    "r2 r2 r2 r2 r2 r2 r2 r2", // DE
    "r2 w2 w2 w2 rt r8 wt w8", // DF
  };

  private X87Operands() {}

  static void resolve(X86Instruction in, int digit) {
    String row = CELLS[in.opcode - 0xd8];
    switch (row.charAt(digit * 3)) {
      case 'r' -> in.memoryKind = AccessKind.READ;
      case 'w' -> in.memoryKind = AccessKind.WRITE;
      default -> in.undefined = true;
    }
    char size = row.charAt(digit * 3 + 1);
    in.memoryBytes =
        switch (size) {
          case 't' -> 10;
          case 'e' -> in.operandBytes == 2 ? 14 : 28;
          case 's' -> in.operandBytes == 2 ? 94 : 108;
          default -> size - '0';
        };
  }
}
