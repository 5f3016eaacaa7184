package dev.quire.emulator.device;

import java.util.ArrayList;
import java.util.List;

/** A wire that notes the time of each change of level. */
public final class RecordingLine implements InterruptLine {
  private final VirtualClock clock;
  private final List<Long> risings = new ArrayList<>();
  private final List<Long> fallings = new ArrayList<>();
  private boolean level;

  public RecordingLine(VirtualClock clock) {
    this.clock = clock;
  }

  @Override
  public void set(boolean asserted) {
    if (asserted != level) {
      (asserted ? risings : fallings).add(clock.nowNanos());
      level = asserted;
    }
  }

  public boolean level() {
    return level;
  }

  public List<Long> risings() {
    return risings;
  }

  public List<Long> fallings() {
    return fallings;
  }
}
