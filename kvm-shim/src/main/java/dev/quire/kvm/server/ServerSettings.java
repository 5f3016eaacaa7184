package dev.quire.kvm.server;

import dev.quire.kvm.wire.Limits;
import java.time.Duration;

/**
 * How the service treats its clients.
 *
 * @param limits of each process
 * @param processes at the same time
 * @param running of these, how many execute guests at the same time
 * @param sockets at the same time, those without a process included
 * @param hello how long a socket may take to say HELLO, and any frame to get complete
 * @param idle how long a process may say nothing and run nothing; zero: for ever
 * @param hang how long one step of a call may take before its process is given up; see {@link
 *     StepDeadline} for what of a crowded machine does not count
 */
public record ServerSettings(
    Limits limits,
    int processes,
    int running,
    int sockets,
    Duration hello,
    Duration idle,
    Duration hang) {
  private static final int LEAST_RUNNING = 8;

  /** Enough to keep it busy: a process's thread and its client's work by turns. */
  private static final int RUNNING_A_PROCESSOR = 4;

  public static final ServerSettings DEFAULT =
      new ServerSettings(
          Limits.DEFAULT,
          1024,
          Math.max(LEAST_RUNNING, RUNNING_A_PROCESSOR * Runtime.getRuntime().availableProcessors()),
          8192,
          Duration.ofSeconds(10),
          Duration.ZERO,
          Duration.ofSeconds(60));

  /** The same with other limits of a process. */
  public ServerSettings withLimits(Limits other) {
    return new ServerSettings(other, processes, running, sockets, hello, idle, hang);
  }

  /** The same with another number of processes that execute guests at the same time. */
  ServerSettings withRunning(int other) {
    return new ServerSettings(limits, processes, other, sockets, hello, idle, hang);
  }

  /** The same with other deadlines. */
  public ServerSettings withDeadlines(Duration otherHello, Duration otherIdle, Duration otherHang) {
    return new ServerSettings(
        limits, processes, running, sockets, otherHello, otherIdle, otherHang);
  }
}
