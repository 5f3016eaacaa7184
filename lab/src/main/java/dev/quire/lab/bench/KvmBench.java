package dev.quire.lab.bench;

import dev.quire.kvm.server.Listener;
import dev.quire.kvm.server.RunningService;
import dev.quire.kvm.server.ServiceOptions;
import dev.quire.lab.exec.ProgramArch;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;

/**
 * The KVM service against a bare ping-pong in C over the same kind of socket, and many clients
 * against few, and how soon a kick is heard. The service and the many clients are threads of this
 * process; the ping-pong's client is the same C program on both sides.
 */
public final class KvmBench {
  private static final String BENCH = "kvm";
  private static final String ECHO = "C ping-pong";

  /** Clients by the thousand would fill the screen. */
  private static final Logger SERVICE_LOG = Logger.getLogger("dev.quire.kvm");

  private static final int ROUND_TRIPS = 20_000;

  /** Until the JVM has compiled the service: what counts is one that has served for a while. */
  private static final int WARM_UP_ROUNDS = 6;

  private static final double MOST_NO_OP = 3;
  private static final double MOST_EXIT = 6;

  /** Beside a sibling that spins in the same VM. */
  private static final double MOST_KICK_MILLIS = 10;

  private static final int KICKS = 500;
  private static final double NANOS_PER_MICRO = 1e3;
  private static final double NANOS_PER_MILLI = 1e6;

  private final int rounds;
  private final int soakSeconds;

  /**
   * @param soakSeconds how long the many clients come and go
   */
  public KvmBench(int rounds, int soakSeconds) {
    this.rounds = rounds;
    this.soakSeconds = soakSeconds;
  }

  /**
   * Measures.
   *
   * @throws UncheckedIOException if there is no C compiler, or no folder for sockets
   */
  public List<Ratio> run() {
    List<Ratio> all = new ArrayList<>();
    SERVICE_LOG.setLevel(Level.WARNING);
    Path folder = null;
    try {
      folder = Files.createTempDirectory("quire-bench");
      try (RunningService service = RunningService.start(ServiceOptions.DEFAULT)) {
        Path socket = folder.resolve("kvm");
        service.listen(new Listener.Unix(socket));
        all.add(noOp(folder, socket));
        if (ProgramArch.X86_64.isNative()) {
          all.add(exit(folder, socket));
          all.addAll(kicks(socket));
        }
        KvmSoak soak = new KvmSoak(service.server(), socket);
        all.add(soak.throughput(rounds));
        all.addAll(soak.leaks(soakSeconds));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      remove(folder);
    }
    return all;
  }

  private Ratio noOp(Path folder, Path socket) throws IOException {
    Path program = compile(folder);
    for (int i = 0; i < WARM_UP_ROUNDS; i++) {
      roundTrip(program, "ioctl", socket);
    }
    double[] nanos =
        TurnByTurn.medians(
            rounds,
            () -> roundTrip(program, "echo", folder.resolve("echo")),
            () -> roundTrip(program, "ioctl", socket));
    double echo = nanos[0] / NANOS_PER_MICRO;
    double call = nanos[1] / NANOS_PER_MICRO;
    return Ratio.cost(BENCH, "KVM_GET_API_VERSION", "us", call, ECHO, echo, MOST_NO_OP);
  }

  /** An OUT of a guest to a client under the preload library, and back into the guest. */
  private Ratio exit(Path folder, Path socket) throws IOException {
    Path echo = compile(folder);
    KvmProgram exits = new KvmProgram("kvm_exits");
    double[] nanos =
        TurnByTurn.medians(
            rounds,
            () -> roundTrip(echo, "echo", folder.resolve("echo")),
            () -> exits.figures(socket, ROUND_TRIPS)[0]);
    double baseline = nanos[0] / NANOS_PER_MICRO;
    double exit = nanos[1] / NANOS_PER_MICRO;
    return Ratio.cost(BENCH, "KVM_RUN to an OUT", "us", exit, ECHO, baseline, MOST_EXIT);
  }

  /** A signal that calls one vCPU out of KVM_RUN while its sibling spins. */
  private static List<Ratio> kicks(Path socket) {
    double[] nanos = new KvmProgram("kvm_kicks").figures(socket, KICKS);
    return List.of(
        kick("kick to EINTR, median", nanos[0]), kick("kick to EINTR, 99th percentile", nanos[1]));
  }

  private static Ratio kick(String name, double nanos) {
    return Ratio.cost(BENCH, name, "ms", nanos / NANOS_PER_MILLI, "promised", MOST_KICK_MILLIS, 1);
  }

  private static Path compile(Path folder) throws IOException {
    Path source = folder.resolve("ping_pong.c");
    try (InputStream in = KvmBench.class.getResourceAsStream("ping_pong.c")) {
      Files.copy(in, source, StandardCopyOption.REPLACE_EXISTING);
    }
    Path program = folder.resolve("ping_pong");
    output("cc", "-O2", "-o", program.toString(), source.toString());
    return program;
  }

  private static double roundTrip(Path program, String mode, Path socket) {
    try {
      if (mode.equals("echo")) {
        Files.deleteIfExists(socket);
      }
      String rounds = Integer.toString(ROUND_TRIPS);
      return Double.parseDouble(output(program.toString(), mode, socket.toString(), rounds));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String output(String... command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String text;
    try (InputStream in = process.getInputStream()) {
      text = new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
    }
    try {
      if (process.waitFor() != 0) {
        throw new IOException(command[0] + ": " + text);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
    return text;
  }

  private static void remove(Path folder) {
    if (folder == null) {
      return;
    }
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
