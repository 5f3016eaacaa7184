package dev.quire.bindings;

/** Called for x86 OUT and OUTS (no privilege check was made). */
@FunctionalInterface
public interface PortOutHook {
  /** A value written; {@code size} is in bytes. */
  void out(int port, int size, int value);
}
