package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/**
 * The error status register (Intel SDM volume 3, "Error Handling"): errors gather out of sight
 * until the register is written, then it shows them.
 */
final class ApicErrorStatus {
  static final int SEND_ILLEGAL_VECTOR = 0x20;
  static final int RECEIVE_ILLEGAL_VECTOR = 0x40;
  static final int ILLEGAL_REGISTER = 0x80;

  private int shown;
  private int gathered;

  void reset() {
    shown = 0;
    gathered = 0;
  }

  /** True if this error was not among the gathered ones yet. */
  boolean gather(int error) {
    boolean fresh = (gathered & error) == 0;
    gathered |= error;
    return fresh;
  }

  /** The register is written, whatever with. */
  void show() {
    shown = gathered;
    gathered = 0;
  }

  int shown() {
    return shown;
  }

  void restoreShown(int value) {
    shown = value & 0xff;
  }

  void save(StateWriter writer) {
    writer.putInt(shown).putInt(gathered);
  }

  void load(StateReader reader) {
    shown = reader.getInt(0, 0xff, "ESR");
    gathered = reader.getInt(0, 0xff, "pending errors");
  }
}
