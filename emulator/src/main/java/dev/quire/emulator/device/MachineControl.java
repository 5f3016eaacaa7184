package dev.quire.emulator.device;

/**
 * What a device may ask of the machine as a whole. A request takes effect after the current
 * instruction; a device must stay usable meanwhile.
 */
public interface MachineControl {
  /** The debug-exit device was written: 0 is pass, anything else fail with that code. */
  void debugExit(int code);

  /** One complete line from the guest's marker device, without its line feed. */
  void marker(String line);

  /** A number that stays the same from boot to end and is another in another boot. */
  default int bootNonce() {
    return 0;
  }

  /** The guest asked to be switched off. */
  void powerOff();

  /** The guest asked to be reset. */
  void reset();
}
