package dev.quire.emulator.device;

import java.util.ArrayList;
import java.util.List;

/** Notes what devices ask of the machine. */
public final class RecordingMachine implements MachineControl {
  private final List<String> requests = new ArrayList<>();

  public List<String> requests() {
    return requests;
  }

  @Override
  public void debugExit(int code) {
    requests.add("exit " + code);
  }

  @Override
  public void marker(String line) {
    requests.add("marker " + line);
  }

  @Override
  public void powerOff() {
    requests.add("power off");
  }

  @Override
  public void reset() {
    requests.add("reset");
  }
}
