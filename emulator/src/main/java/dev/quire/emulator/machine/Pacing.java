package dev.quire.emulator.machine;

import dev.quire.emulator.vcpu.Vcpu;

/**
 * How long a vCPU's turn is, and what is done to it afterwards. With one vCPU nothing a guest or a
 * result shows depends on it; with several, the length of turns is part of the machine. Tests use
 * it to stop anywhere and to disturb the engine's caches.
 */
public interface Pacing {
  /** Long enough to amortise a switch, short enough that a spinning vCPU costs others little. */
  Pacing STANDARD = even(10_000);

  /**
   * For a vCPU that shares with nobody. The way to the end of a turn is stepped one instruction at
   * a time, up to a whole translated block, so that turns cost; they end only to tell the progress.
   */
  Pacing ALONE = even(50_000_000);

  /** Turns of one length. */
  static Pacing even(long instructions) {
    return new Pacing() {
      @Override
      public long nextSliceInstructions() {
        return instructions;
      }

      @Override
      public void afterSlice(Vcpu vcpu) {}
    };
  }

  /** The longest the next turn may be, at least 1. */
  long nextSliceInstructions();

  /** Called on the machine's thread when a turn has ended. */
  void afterSlice(Vcpu vcpu);
}
