package dev.quire.emulator.machine;

import dev.quire.emulator.device.MachineControl;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * How the run ends: the first decision stands. Decisions come from devices and the loop on the
 * machine thread; {@link #request} is for any other thread.
 */
final class Outcome implements MachineControl {
  private record Decision(RunStatus status, String reason) {}

  private final List<String> markers = new ArrayList<>();
  private Consumer<String> markerListener = ignored -> {};
  private RunStatus status;
  private String reason = "";
  private volatile Decision requested;

  boolean decided() {
    kicked();
    return status != null;
  }

  void decide(RunStatus how, String why) {
    if (status == null) {
      status = how;
      reason = why;
    }
  }

  /** Asks for an end from outside; the caller kicks the engines afterwards. */
  void request(RunStatus how, String why) {
    requested = new Decision(how, why);
  }

  void kicked() {
    Decision decision = requested;
    if (decision != null) {
      decide(decision.status, decision.reason);
    }
  }

  RunStatus status() {
    return status;
  }

  String reason() {
    return reason;
  }

  List<String> markers() {
    return List.copyOf(markers);
  }

  @Override
  public void debugExit(int code) {
    if (code == 0) {
      decide(RunStatus.PASS, "the guest wrote 0 to its debug-exit device");
    } else {
      decide(RunStatus.FAIL, "the guest wrote %d to its debug-exit device".formatted(code));
    }
  }

  /** Who hears of each marker when the guest writes it. */
  void onMarker(Consumer<String> listener) {
    markerListener = listener;
  }

  @Override
  public void marker(String line) {
    markers.add(line);
    markerListener.accept(line);
  }

  @Override
  public void powerOff() {
    decide(RunStatus.POWEROFF, "the guest switched itself off");
  }

  @Override
  public void reset() {
    decide(RunStatus.RESET, "the guest asked for a reset");
  }
}
