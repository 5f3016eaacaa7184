package dev.quire.emulator.vcpu.x86;

/** The vCPU's side of its local APIC. */
public interface InterruptController {
  /** Nothing ever interrupts. */
  InterruptController NONE =
      new InterruptController() {
        @Override
        public int pendingVector() {
          return -1;
        }

        @Override
        public int acknowledge() {
          throw new IllegalStateException("no interrupt is pending");
        }
      };

  /** The vector that would be delivered now, or -1. */
  int pendingVector();

  /** Takes that interrupt: the vector to deliver. */
  int acknowledge();
}
