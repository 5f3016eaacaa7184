package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.BytePortDevice;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/** The power-on self-test port 0x80: keeps the last code; guests write it to wait a moment. */
public final class PostPort implements BytePortDevice, DeviceState {
  private int code;

  @Override
  public int readByte(int port) {
    return code;
  }

  @Override
  public void writeByte(int port, int value) {
    code = value;
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("post-port", 1).putByte(code).end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("post-port", 1);
    code = reader.getByte();
    reader.end();
  }
}
