package dev.quire.kvm.server;

/**
 * Whether one step of a process's thread takes too long. It does if it computes for half of the
 * time allowed, or has stood still for half of it; a thread that merely gets no processor on a
 * crowded machine does neither. Times are nanoseconds of one clock; one thread at a time.
 */
final class StepDeadline {
  private final long mostNs;
  private long begun;
  private long cpuAtFirst;
  private long lastCpu;
  private long lastProgress;

  /**
   * @param mostNs that a step may take
   */
  StepDeadline(long mostNs) {
    this.mostNs = mostNs;
  }

  /**
   * To be asked again and again while the step lasts.
   *
   * @param since when the step began, which tells it from others
   * @param cpuNs that the thread has computed in its life, or -1 if nobody knows
   */
  boolean isPassed(long now, long since, long cpuNs) {
    if (since != begun) {
      begun = since;
      cpuAtFirst = cpuNs;
      lastCpu = cpuNs;
      lastProgress = now;
    } else if (cpuNs > lastCpu) {
      lastCpu = cpuNs;
      lastProgress = now;
    }
    return now - since > mostNs
        && (cpuNs - cpuAtFirst > mostNs / 2 || now - lastProgress > mostNs / 2);
  }
}
