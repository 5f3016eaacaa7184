package dev.quire.emulator.device;

/**
 * Virtual time of a machine: nanoseconds since its start, where one retired instruction is one
 * nanosecond by definition. Exact at the instruction that performs the access being served. Never
 * negative and never going back within a machine's life.
 */
public interface VirtualClock {
  long nowNanos();
}
