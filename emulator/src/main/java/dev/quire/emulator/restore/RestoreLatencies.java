package dev.quire.emulator.restore;

import dev.quire.emulator.restore.HostMeter.Share;

/**
 * Three latencies of a restore, kept apart, each modelled and by the wall clock, in nanoseconds.
 *
 * @param restore until the guest may run
 * @param faults of the guest afterwards: the kernel's part, without what handlers did
 * @param handler what handlers did while a vCPU waited
 * @param population putting contents in place, by whomever but the faults: part of {@code restore}
 *     where it is done ahead, what handlers did where it is done later
 */
public record RestoreLatencies(Time restore, Time faults, Time handler, Time population) {
  /** One of them. */
  public record Time(double modelledNanos, long wallNanos) {}

  static RestoreLatencies of(HostMeter meter) {
    return new RestoreLatencies(
        sum(meter, Share.SETUP, Share.EAGER),
        sum(meter, Share.FAULT),
        sum(meter, Share.HANDLER),
        sum(meter, Share.EAGER, Share.HANDLER, Share.BACKGROUND));
  }

  private static Time sum(HostMeter meter, Share... shares) {
    double modelled = 0;
    long wall = 0;
    for (Share share : shares) {
      modelled += meter.nanos(share);
      wall += meter.wallNanos(share);
    }
    return new Time(modelled, wall);
  }
}
