package dev.quire.emulator.device;

/** Saved device state is truncated, of an unknown version, or holds an impossible value. */
public final class StateFormatException extends RuntimeException {
  public StateFormatException(String message) {
    super(message);
  }
}
