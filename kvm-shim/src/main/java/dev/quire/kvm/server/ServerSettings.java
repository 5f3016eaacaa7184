package dev.quire.kvm.server;

import dev.quire.kvm.wire.Limits;
import java.time.Duration;

/**
 * How the service treats its clients.
 *
 * @param limits of each process
 * @param processes at the same time
 * @param sockets at the same time, those without a process included
 * @param hello how long a socket may take to say HELLO, and any frame to get complete
 * @param idle how long a process may say nothing and run nothing; zero: for ever
 * @param hang how long one step of a call may take before its process is given up; see {@link
 *     StepDeadline} for what of a crowded machine does not count
 */
public record ServerSettings(
    Limits limits, int processes, int sockets, Duration hello, Duration idle, Duration hang) {
  public static final ServerSettings DEFAULT =
      new ServerSettings(
          Limits.DEFAULT,
          1024,
          8192,
          Duration.ofSeconds(10),
          Duration.ZERO,
          Duration.ofSeconds(60));

  /** The same with other limits of a process. */
  public ServerSettings withLimits(Limits other) {
    return new ServerSettings(other, processes, sockets, hello, idle, hang);
  }

  /** The same with other deadlines. */
  public ServerSettings withDeadlines(Duration otherHello, Duration otherIdle, Duration otherHang) {
    return new ServerSettings(limits, processes, sockets, otherHello, otherIdle, otherHang);
  }
}
