package dev.quire.emulator.device;

/** One interrupt wire into a controller: level by {@link #set}, edge by {@link #pulse}. */
public interface InterruptLine {
  /** A wire that leads nowhere. */
  InterruptLine NONE = asserted -> {};

  void set(boolean asserted);

  default void pulse() {
    set(true);
    set(false);
  }
}
