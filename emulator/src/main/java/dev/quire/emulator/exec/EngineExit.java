package dev.quire.emulator.exec;

/**
 * Why the engine gave control back. The vCPU's registers are exact: the program counter is that of
 * the next instruction to execute, which for {@link Fault} and {@link Intercept} is the instruction
 * concerned.
 */
public sealed interface EngineExit {
  EngineExit FAULT = new Fault();
  EngineExit DEADLINE = new Deadline();
  EngineExit HALTED = new Halted();
  EngineExit KICKED = new Kicked();
  EngineExit INTERRUPT_WINDOW = new InterruptWindow();
  EngineExit INTERCEPT = new Intercept();

  /** A translation failed; the MMU's fault record says which. The instruction has no effect yet. */
  record Fault() implements EngineExit {}

  /**
   * The core raised something of its own: an exception, a system call, an intercepted instruction.
   *
   * @param number the core's number, of the engine's architecture
   */
  record Trap(int number) implements EngineExit {}

  /** The instruction at the program counter is one the host performs (x86 port I/O). */
  record Intercept() implements EngineExit {}

  /** The deadline is reached: exactly that many instructions have retired. */
  record Deadline() implements EngineExit {}

  /** HLT or WFI retired. */
  record Halted() implements EngineExit {}

  /** Another thread asked for a stop. */
  record Kicked() implements EngineExit {}

  /** x86: the pending interrupt can be delivered now. */
  record InterruptWindow() implements EngineExit {}

  /** The core gave up; nothing the guest may see explains it. */
  record Failed(String reason) implements EngineExit {}
}
