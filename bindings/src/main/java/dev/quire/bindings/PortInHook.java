package dev.quire.bindings;

/** Called for x86 IN and INS (no privilege check was made). */
@FunctionalInterface
public interface PortInHook {
  /** The value read; {@code size} is in bytes. */
  int in(int port, int size);
}
