package dev.quire.bindings;

/** Called for an instruction the engine cannot decode (UC_HOOK_INSN_INVALID). */
@FunctionalInterface
public interface InvalidInsnHook {
  /** Returns true to go on (after the program counter was moved), false to end the run. */
  boolean invalid();
}
