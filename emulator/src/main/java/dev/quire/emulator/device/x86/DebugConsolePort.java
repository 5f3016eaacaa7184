package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.BytePortDevice;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.MachineControl;
import dev.quire.emulator.device.MarkerLines;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/**
 * The debug console port 0xe9 of Bochs and QEMU (hw/char/debugcon.c): it reads as 0xe9, which tells
 * a guest that it is there; each line written is one marker.
 */
public final class DebugConsolePort implements BytePortDevice, DeviceState {
  private final MarkerLines lines;

  public DebugConsolePort(MachineControl machine) {
    lines = new MarkerLines(machine);
  }

  @Override
  public int readByte(int port) {
    return 0xe9;
  }

  @Override
  public void writeByte(int port, int value) {
    lines.write(value);
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
