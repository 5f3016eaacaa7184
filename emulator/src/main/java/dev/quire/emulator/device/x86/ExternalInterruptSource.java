package dev.quire.emulator.device.x86;

/** What answers an INTA cycle: the 8259A pair, seen from a local APIC in ExtINT mode. */
public interface ExternalInterruptSource {
  /** Nothing ever interrupts. */
  ExternalInterruptSource NONE =
      new ExternalInterruptSource() {
        @Override
        public boolean isPending() {
          return false;
        }

        @Override
        public int peekVector() {
          return 0;
        }

        @Override
        public int acknowledge() {
          return 0;
        }
      };

  boolean isPending();

  /** The vector {@link #acknowledge} would give now, without acknowledging. */
  int peekVector();

  /** Runs the INTA cycle; gives the spurious vector when nothing is pending any more. */
  int acknowledge();
}
