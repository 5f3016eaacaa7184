package dev.quire.emulator.exec;

/**
 * Who answers arm64 system register accesses and system instructions (TLBI, AT). Called inside a
 * run, before any privilege check; register numbers are {@link SystemRegister} encodings.
 */
public interface SystemRegisterHandler {
  /** What became of an access. */
  enum Answer {
    /** The core performs it. */
    NATIVE,
    /** Done; a read's result is in {@link #value}. */
    DONE
  }

  Answer read(int register);

  Answer write(int register, long value);

  /** A SYS instruction; {@code operand} is Rt. */
  Answer system(int register, long operand);

  /** The result of the last {@link #read} that was {@link Answer#DONE}. */
  long value();
}
