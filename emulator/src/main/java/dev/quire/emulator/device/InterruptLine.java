package dev.quire.emulator.device;

/** One interrupt wire into a controller: level by {@link #set}, edge by {@link #pulse}. */
public interface InterruptLine {
  /** A wire that leads nowhere. No constant: that would keep lambdas out of the AOT cache. */
  static InterruptLine none() {
    return asserted -> {};
  }

  void set(boolean asserted);

  default void pulse() {
    set(true);
    set(false);
  }
}
