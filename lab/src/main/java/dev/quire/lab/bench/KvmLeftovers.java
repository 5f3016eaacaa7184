package dev.quire.lab.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * What of a KVM service and its clients, all of them threads of this process, is there at a moment.
 *
 * @param descriptors open files of this process
 * @param mappings mappings of memfds: guest memory, vCPUs' pages
 * @param threads of clients' processes
 * @param processes that the service has
 */
record KvmLeftovers(long descriptors, long mappings, long threads, long processes) {
  private static final int PATIENCE_MILLIS = 10_000;
  private static final int POLL_MILLIS = 50;
  private static final String PROCESS_THREADS = "kvm-process-";

  /** Reads how many processes the service has. */
  interface Processes {
    int count();
  }

  static KvmLeftovers now(Processes service) throws IOException {
    long descriptors;
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      descriptors = all.count();
    }
    long mappings;
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      mappings = lines.filter(line -> line.contains("/memfd:")).count();
    }
    long threads =
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().startsWith(PROCESS_THREADS))
            .count();
    return new KvmLeftovers(descriptors, mappings, threads, service.count());
  }

  /** What is there, once no more than {@code before} is, or after ten seconds. */
  static KvmLeftovers settled(Processes service, KvmLeftovers before) throws IOException {
    KvmLeftovers now = now(service);
    try {
      for (int i = 0; i < PATIENCE_MILLIS / POLL_MILLIS && !now.minus(before).isNothing(); i++) {
        Thread.sleep(POLL_MILLIS);
        now = now(service);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return now;
  }

  /** How much more there is than was. */
  KvmLeftovers minus(KvmLeftovers before) {
    return new KvmLeftovers(
        Math.max(0, descriptors - before.descriptors),
        Math.max(0, mappings - before.mappings),
        Math.max(0, threads - before.threads),
        Math.max(0, processes - before.processes));
  }

  private boolean isNothing() {
    return descriptors + mappings + threads + processes == 0;
  }
}
