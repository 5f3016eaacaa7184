package dev.quire.emulator.device;

/** Where a serial port sends what the guest prints. */
public interface ConsoleSink {
  void write(byte value);
}
