package dev.quire.bindings;

import java.util.List;

/**
 * One decoded instruction.
 *
 * @param address of its first byte
 * @param bytes its length
 * @param mnemonic in lower case
 * @param operandText as an assembler would write the operands
 * @param operands decoded operands, in the order written
 */
public record DisassembledInstruction(
    long address, int bytes, String mnemonic, String operandText, List<Operand> operands) {

  /** An operand; {@code sizeBytes} is 0 and access unknown where Capstone does not tell. */
  public sealed interface Operand {
    /** Bytes read or written. */
    int sizeBytes();

    /** {@link #READ}, {@link #WRITE}, both, or 0 when Capstone does not tell. */
    int access();

    int READ = 1;
    int WRITE = 2;
  }

  /** A register by its name. */
  public record Register(String name, int sizeBytes, int access) implements Operand {}

  /** A constant, sign-extended. */
  public record Immediate(long value, int sizeBytes, int access) implements Operand {}

  /**
   * A memory operand: segment:[base + index * scale + displacement]; absent registers are empty.
   */
  public record Memory(
      String segment,
      String base,
      String index,
      int scale,
      long displacement,
      int sizeBytes,
      int access)
      implements Operand {}

  /** Anything else (floating-point constants, system registers, barriers). */
  public record Other(int kind, int sizeBytes, int access) implements Operand {}
}
