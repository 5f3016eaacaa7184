package dev.quire.emulator.device;

/**
 * A device whose whole guest-visible state can be saved and put back.
 *
 * <p>{@link #load} is called on a freshly built device of the same shape, after the machine's clock
 * has been put back; it re-arms the device's own events and drives no line and calls no port (each
 * controller saves its input levels itself). When it throws {@link StateFormatException} the device
 * is unusable and the machine must be discarded.
 */
public interface DeviceState {
  void save(StateWriter writer);

  void load(StateReader reader);
}
