package dev.quire.emulator.vcpu.x86;

/** How an operation that changes the flow of control ended. */
public enum Delivery {
  /** The state is that at the first instruction of the handler. */
  DELIVERED,
  /** Nothing changed; the host resolves the second-stage fault, then the call is made again. */
  NEEDS_HOST,
  /** Shutdown: the processor stops until a reset. Only CR2 may have changed. */
  TRIPLE_FAULT
}
