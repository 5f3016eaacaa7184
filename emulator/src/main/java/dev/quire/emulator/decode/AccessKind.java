package dev.quire.emulator.decode;

/** What an instruction does with its explicit memory operand. */
public enum AccessKind {
  NONE,
  READ,
  WRITE,
  /** One instruction both reads and writes the operand: on real hardware its fault is a write's. */
  READ_WRITE;

  /** Whether hardware asks the MMU for a write: a read-modify-write is one access, a write. */
  public boolean faultsAsWrite() {
    return this == WRITE || this == READ_WRITE;
  }
}
