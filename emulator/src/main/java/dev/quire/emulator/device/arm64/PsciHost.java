package dev.quire.emulator.device.arm64;

/**
 * The machine under {@link PsciHandler}. Results are PSCI return codes (Arm DEN0022, "Return error
 * codes"): 0 success or a negative value.
 */
public interface PsciHost {
  /** Starts a vCPU that is off at {@code entryGpa} with x0 = {@code contextId}. */
  long cpuOn(long targetMpidr, long entryGpa, long contextId);

  /** Switches the calling vCPU off; only returns (a code) when that is refused. */
  long cpuOff();

  /** Suspends the calling vCPU until a wake-up event. */
  long cpuSuspend(long powerState, long entryGpa, long contextId);

  /** 0 on, 1 off, 2 on pending, or a negative code. */
  long affinityInfo(long targetAffinity, long lowestAffinityLevel);

  void systemOff();

  void systemReset();
}
