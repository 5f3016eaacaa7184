package dev.quire.bindings;

/** Called for x86 SYSCALL or SYSENTER, which do nothing else but step over themselves. */
@FunctionalInterface
public interface SyscallHook {
  /** The program counter is at the instruction. */
  void syscall();
}
