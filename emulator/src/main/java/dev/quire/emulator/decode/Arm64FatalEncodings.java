package dev.quire.emulator.decode;

/**
 * Finds the A64 words the engine cannot even translate: unallocated encodings of two half-precision
 * vector groups, which Unicorn 2.1.4 answers with an assertion that ends the process (QEMU 5's
 * disas_simd_three_reg_same_fp16 and disas_simd_two_reg_misc_fp16). On hardware they are undefined.
 * Groups and allocated opcodes: Arm ARM DDI 0487, C4.1.96, "Advanced SIMD three same (FP16)" and
 * "two-register miscellaneous (FP16)".
 */
public final class Arm64FatalEncodings {
  private static final int THREE_SAME_MASK = 0x9f60_c400;
  private static final int THREE_SAME = 0x0e40_0400;

  /** Allocated U:a:opcode of three same, a bit each. */
  private static final long THREE_SAME_ALLOCATED = 0x75fd_c7dfL;

  private static final int TWO_MISC_MASK = 0x8f7e_0c00;
  private static final int TWO_MISC = 0x0e78_0800;

  /** Allocated U:a:opcode of two-register miscellaneous, a bit each; the first half, U = 0. */
  private static final long TWO_MISC_ALLOCATED = 0xaf00_f000_3f00_0000L;

  /** The second half, U = 1. */
  private static final long TWO_MISC_ALLOCATED_U = 0xae00_b000_3f00_0000L;

  private static final int U = 29;
  private static final int A = 23;

  private Arm64FatalEncodings() {}

  /** Whether the engine must not see this word as code. */
  public static boolean isFatal(int word) {
    if ((word & THREE_SAME_MASK) == THREE_SAME) {
      int opcode = word >>> 11 & 7 | bit(word, A) << 3 | bit(word, U) << 4;
      return (THREE_SAME_ALLOCATED >>> opcode & 1) == 0;
    }
    if ((word & TWO_MISC_MASK) == TWO_MISC) {
      int opcode = word >>> 12 & 31 | bit(word, A) << 5;
      long allocated = bit(word, U) == 0 ? TWO_MISC_ALLOCATED : TWO_MISC_ALLOCATED_U;
      return (allocated >>> opcode & 1) == 0;
    }
    return false;
  }

  private static int bit(int word, int position) {
    return word >>> position & 1;
  }
}
