package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.MachineControl;
import dev.quire.emulator.device.MarkerLines;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.WordMmioDevice;

/**
 * Quire's own "quire,debug-exit": a write at +0 ends the run with that value, 0 meaning success;
 * the low byte of a write at +4 goes to the current marker line. A read at +8 gives the number of
 * this boot, any other 0.
 */
public final class DebugExitDevice implements WordMmioDevice, DeviceState {
  public static final long BYTES = 0x1000;

  private static final long NONCE_OFFSET = 8;

  private final MachineControl machine;
  private final MarkerLines lines;

  public DebugExitDevice(MachineControl machine) {
    this.machine = machine;
    lines = new MarkerLines(machine);
  }

  @Override
  public int readWord(long offsetBytes) {
    return offsetBytes == NONCE_OFFSET ? machine.bootNonce() : 0;
  }

  @Override
  public void writeWord(long offsetBytes, int value) {
    if (offsetBytes == 0) {
      machine.debugExit(value);
    } else if (offsetBytes == 4) {
      lines.write(value);
    }
  }

  @Override
  public void save(StateWriter writer) {
    lines.save(writer);
  }

  @Override
  public void load(StateReader reader) {
    lines.load(reader);
  }
}
