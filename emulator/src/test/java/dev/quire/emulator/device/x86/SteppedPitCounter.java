package dev.quire.emulator.device.x86;

/**
 * The obvious 8254 counter: it moves one clock pulse at a time and follows the data sheet's prose.
 * Binary counting only. Shares nothing with {@link PitCounter}.
 */
final class SteppedPitCounter {
  private int mode;
  private int countRegister;
  private boolean newCount;
  private boolean loadNext;
  private int element;
  private int loadedCount;
  private boolean counting;
  private boolean gate = true;
  private boolean triggered;
  private boolean out;
  private boolean strobeArmed;

  void program(int newMode) {
    mode = newMode;
    out = mode != 0;
    counting = false;
    newCount = false;
    loadNext = false;
    triggered = false;
    strobeArmed = false;
  }

  void writeCount(int count) {
    countRegister = count == 0 ? 0x10000 : count;
    if (mode == 2 || mode == 3) {
      countRegister = Math.max(countRegister, 2);
    }
    newCount = true;
    if (mode == 0) {
      out = false;
    }
    // Modes 0 and 4 load by the next pulse; 2 and 3 too when nothing counts yet.
    if (mode == 0 || mode == 4 || !counting && (mode == 2 || mode == 3)) {
      loadNext = true;
    }
  }

  void setGate(boolean level) {
    boolean rising = level && !gate;
    gate = level;
    if (mode == 2 || mode == 3) {
      if (!gate) {
        out = true;
      }
      if (rising && (counting || newCount)) {
        loadNext = true;
      }
    }
    if ((mode == 1 || mode == 5) && rising && (counting || newCount)) {
      triggered = true;
    }
  }

  boolean out() {
    return out;
  }

  boolean gate() {
    return gate;
  }

  int mode() {
    return mode;
  }

  /** Whether the counting element holds a value the data sheet defines. */
  boolean counting() {
    return counting && !loadNext && !triggered;
  }

  int count() {
    return element & 0xffff;
  }

  /** One falling edge of CLK. */
  void pulse() {
    switch (mode) {
      case 0, 4 -> pulseOneShot();
      case 1, 5 -> pulseTriggered();
      case 2 -> pulseRate();
      default -> pulseSquare();
    }
  }

  private void load() {
    loadedCount = countRegister;
    element = countRegister;
    newCount = false;
    loadNext = false;
    counting = true;
    strobeArmed = true;
  }

  private void pulseOneShot() {
    if (mode == 4) {
      out = true;
    }
    if (loadNext) {
      load();
      return;
    }
    if (counting && gate) {
      element--;
      if (element == 0 && strobeArmed) {
        out = mode == 0;
        strobeArmed = false;
      }
    }
  }

  private void pulseTriggered() {
    if (mode == 5) {
      out = true;
    }
    if (triggered) {
      triggered = false;
      load();
      if (mode == 1) {
        out = false;
      }
      return;
    }
    if (counting) {
      element--;
      if (element == 0 && strobeArmed) {
        out = mode == 1;
        strobeArmed = false;
      }
    }
  }

  private void pulseRate() {
    if (loadNext) {
      load();
      out = true;
      return;
    }
    if (!counting || !gate) {
      return;
    }
    if (element == 1) {
      load();
      out = true;
    } else {
      element--;
      if (element == 1) {
        out = false;
      }
    }
  }

  private void pulseSquare() {
    if (loadNext) {
      load();
      element = countRegister & ~1;
      out = true;
      return;
    }
    if (!counting || !gate) {
      return;
    }
    boolean odd = (loadedCount & 1) != 0;
    boolean halfEnds = out && odd ? element == 0 : element == 2;
    if (halfEnds) {
      boolean next = !out;
      load();
      element = countRegister & ~1;
      out = next;
    } else {
      element -= 2;
    }
  }
}
