package dev.quire.lab.bench;

import dev.quire.kvm.server.KvmServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Many clients of a KVM service against few, and what many that come and go leave behind. Clients
 * and service are threads of one process.
 */
final class KvmSoak {
  private static final String BENCH = "kvm";
  private static final int FEW = 8;
  private static final int MANY = 200;
  private static final int TURN_MILLIS = 500;
  private static final int TURNS_A_ROUND = 8;

  /** Until the JVM has compiled the clients, too, and each VM has translated its guest. */
  private static final int WARM_UP_TURNS = 10;

  /** In the soak a client closes everything and comes anew after so many exits of its guest. */
  private static final long EXITS_A_CLIENT = 2_000;

  private static final double LEAST_THROUGHPUT = 0.8;
  private static final double MOST_GROWTH = 1.25;
  private static final double NANOS_PER_MICRO = 1e3;

  private final KvmServer server;
  private final Path socket;

  KvmSoak(KvmServer server, Path socket) {
    this.server = server;
    this.socket = socket;
  }

  /**
   * Time that one exit takes of all clients together, many of them and few in turns. All are there
   * all the time, and the turns are short: what else the machine does falls on both alike.
   *
   * @throws IOException if any of them met an error
   */
  Ratio throughput(int rounds) throws IOException {
    double[] nanos;
    try (KvmLoad few = KvmLoad.start(socket, FEW, Long.MAX_VALUE);
        KvmLoad many = KvmLoad.start(socket, MANY, Long.MAX_VALUE)) {
      few.pause();
      many.pause();
      for (int i = 0; i < WARM_UP_TURNS; i++) {
        nanosOfExit(few);
        nanosOfExit(many);
      }
      nanos =
          TurnByTurn.medians(
              rounds * TURNS_A_ROUND, () -> nanosOfExit(few), () -> nanosOfExit(many));
    }
    return Ratio.speed(
        BENCH,
        "exit of " + MANY + " clients",
        "us",
        nanos[1] / NANOS_PER_MICRO,
        FEW + " clients",
        nanos[0] / NANOS_PER_MICRO,
        LEAST_THROUGHPUT);
  }

  private static double nanosOfExit(KvmLoad load) {
    try {
      return load.nanosOfExit(TURN_MILLIS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Many clients that come and go, for so long.
   *
   * @throws IOException if any of them met an error
   */
  List<Ratio> leaks(int seconds) throws IOException {
    KvmLeftovers before = KvmLeftovers.now(server::processCount);
    KvmLoad.Outcome outcome;
    try (KvmLoad load = KvmLoad.start(socket, MANY, EXITS_A_CLIENT)) {
      outcome = load.soak(seconds);
    }
    KvmLeftovers left = KvmLeftovers.settled(server::processCount, before).minus(before);
    List<Ratio> all = new ArrayList<>();
    all.add(
        Ratio.cost(
            BENCH,
            "resident after " + outcome.machines() + " VMs",
            "MiB",
            outcome.lastMebibytes(),
            "after a quarter of the time",
            outcome.firstMebibytes(),
            MOST_GROWTH));
    long descriptors = left.descriptors().values().stream().mapToLong(Long::longValue).sum();
    all.add(left("descriptors", descriptors));
    all.add(left("mappings of guest memory", left.mappings()));
    all.add(left("threads", left.threads()));
    all.add(left("clients' processes", left.processes()));
    return all;
  }

  private static Ratio left(String what, long count) {
    return Ratio.cost(BENCH, what + " left", "", count, "one", 1, 0);
  }
}
