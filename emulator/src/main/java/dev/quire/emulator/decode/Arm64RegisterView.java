package dev.quire.emulator.decode;

/** The registers an A64 address is made of, at an instruction boundary. */
public interface Arm64RegisterView {
  /** X0 to X30. */
  long x(int index);

  /** The stack pointer in use. */
  long sp();
}
