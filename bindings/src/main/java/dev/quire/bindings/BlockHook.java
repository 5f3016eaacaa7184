package dev.quire.bindings;

/** Called at each translation block's start, or, as a code hook, at each instruction. */
@FunctionalInterface
public interface BlockHook {
  /** {@code address} is virtual; {@code size} in bytes. */
  void block(long address, int size);
}
