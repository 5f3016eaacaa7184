package dev.quire.lab.bench;

import java.io.File;
import java.nio.file.Path;
import java.util.List;

/**
 * What it costs to start: {@code ./quire boot} of the smallest guest against an empty Java main on
 * the same JDK with the same collector, and what the time goes to.
 */
public final class StartBench {
  private static final String BENCH = "start";
  private static final String GUEST = "boot hello-x86_64";
  private static final double MOST = 12;
  private static final double NANOS_PER_MILLI = 1e6;

  private final Path launcher;
  private final Path javaHome;
  private final String classPath;
  private final int rounds;

  /**
   * @param launcher the script {@code quire}, set up
   * @param javaHome the JDK of both sides
   * @param classPath that {@link EmptyMain} is on, first
   */
  public StartBench(Path launcher, Path javaHome, String classPath, int rounds) {
    this.launcher = launcher;
    this.javaHome = javaHome;
    this.classPath = classPath;
    this.rounds = rounds;
  }

  public List<Ratio> run() {
    String java = javaHome.resolve("bin").resolve("java").toString();
    String ownJar = classPath.split(File.pathSeparator, -1)[0];
    String quire = launcher.toString();
    String empty = EmptyMain.class.getName();
    double[] nanos =
        TurnByTurn.medians(
            rounds,
            () -> ChildProcess.wallNanos(0, java, "-XX:+UseSerialGC", "-cp", ownJar, empty),
            () -> ChildProcess.wallNanos(0, quire, "boot", "hello-x86_64"),
            () -> ChildProcess.wallNanos(0, quire, "boot", "hello-arm64"),
            () -> ChildProcess.wallNanos(0, quire, "--version"));
    double baseline = nanos[0] / NANOS_PER_MILLI;
    double x86 = nanos[1] / NANOS_PER_MILLI;
    double arm64 = nanos[2] / NANOS_PER_MILLI;
    double version = nanos[3] / NANOS_PER_MILLI;
    return List.of(
        Ratio.cost(BENCH, GUEST, "ms", x86, "empty Java main", baseline, MOST),
        Ratio.cost(BENCH, "boot hello-arm64", "ms", arm64, "empty Java main", baseline, MOST),
        Ratio.part(BENCH, "of it launcher, JVM, command line", "ms", version, GUEST, x86));
  }
}
