package dev.quire.lab.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Processor time in nanoseconds. Unlike wall-clock time it stays right when other programs want the
 * processors too.
 */
final class CpuTime {
  private static final Path OWN_STATISTICS = Path.of("/proc/self/stat");
  private static final long NANOS_PER_TICK = 10_000_000;

  /** Positions of cutime and cstime after the program's name (proc_pid_stat(5) 16 and 17). */
  private static final int CHILDREN_USER = 13;

  private static final int CHILDREN_SYSTEM = 14;

  private CpuTime() {}

  /** Of the calling thread. */
  static long thread() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  /** Of this process, compilers and collectors included. */
  static long process() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  /** Of all child processes that have ended, in steps of 10 ms; Linux only. */
  static long children() {
    try {
      String statistics = Files.readString(OWN_STATISTICS);
      String[] fields = statistics.substring(statistics.lastIndexOf(')') + 2).split(" ");
      return (Long.parseLong(fields[CHILDREN_USER]) + Long.parseLong(fields[CHILDREN_SYSTEM]))
          * NANOS_PER_TICK;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + OWN_STATISTICS, e);
    }
  }

  /** Whether {@link #children} can be asked here. */
  static boolean knowsChildren() {
    return Files.isReadable(OWN_STATISTICS);
  }
}
