package dev.quire.emulator.machine;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.MachineControl;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * How the run ends: the first decision stands. Decisions come from devices and the loop on the
 * machine thread; {@link #request} is for any other thread.
 */
final class Outcome implements MachineControl, DeviceState {
  private static final int MOST_MARKERS = 1 << 24;
  private static final int LONGEST_MARKER_BYTES = 1024;

  private record Decision(RunStatus status, String reason) {}

  private final List<String> markers = new ArrayList<>();
  private Consumer<String> markerListener = ignored -> {};
  private int bootNonce;
  private RunStatus status;
  private String reason = "";
  private volatile Decision requested;

  /**
   * The outcome of a machine that has not begun.
   *
   * @param seed decides {@link #bootNonce}
   */
  Outcome(long seed) {
    // One round of splitmix64 (Steele, Lea, Flood 2014), so that seeds next to each other differ.
    long mixed = (seed ^ seed >>> 30) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
    bootNonce = (int) (mixed ^ mixed >>> 31);
  }

  @Override
  public int bootNonce() {
    return bootNonce;
  }

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

  /** The markers so far; how the run ends is still open in a machine that is saved. */
  @Override
  public void save(StateWriter writer) {
    writer.begin("outcome", 1).putInt(bootNonce).putInt(markers.size());
    markers.forEach(line -> writer.putBytes(line.getBytes(StandardCharsets.US_ASCII)));
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("outcome", 1);
    bootNonce = reader.getInt();
    int count = reader.getInt(0, MOST_MARKERS, "number of markers");
    for (int i = 0; i < count; i++) {
      byte[] line = reader.getBytesUpTo(LONGEST_MARKER_BYTES);
      markers.add(new String(line, StandardCharsets.US_ASCII));
    }
    reader.end();
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
