package dev.quire.lab.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What of a KVM service and its clients, all of them threads of this process, is there at a moment.
 *
 * @param descriptors how many of each kind are open that a client's connection can have: sockets,
 *     event descriptors, memory. Files are not among them, since the JVM opens a library when its
 *     first class is needed
 * @param mappings mappings of memfds: guest memory, vCPUs' pages
 * @param threads of clients' processes
 * @param processes that the service has
 */
public record KvmLeftovers(
    Map<String, Long> descriptors, long mappings, long threads, long processes) {
  private static final int PATIENCE_MILLIS = 20_000;
  private static final int POLL_MILLIS = 50;
  private static final String PROCESS_THREADS = "kvm-process-";

  /** Reads how many processes the service has. */
  public interface Processes {
    int count();
  }

  /**
   * What is there.
   *
   * @throws IOException if /proc cannot be read
   */
  public static KvmLeftovers now(Processes service) throws IOException {
    long mappings;
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      mappings = lines.filter(line -> line.contains("/memfd:")).count();
    }
    long threads =
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().startsWith(PROCESS_THREADS))
            .count();
    return new KvmLeftovers(descriptorsByKind(), mappings, threads, service.count());
  }

  private static Map<String, Long> descriptorsByKind() throws IOException {
    Map<String, Long> counts = new TreeMap<>();
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      for (Path descriptor : all.toList()) {
        String kind = kind(descriptor);
        if (!kind.startsWith("/") || kind.startsWith("/memfd:")) {
          counts.merge(kind, 1L, Long::sum);
        }
      }
    }
    return counts;
  }

  /** What it is, without a number of its own; "/" if it was closed meanwhile. */
  private static String kind(Path descriptor) throws IOException {
    try {
      return Files.readSymbolicLink(descriptor).toString().replaceAll("\\[\\d+]", "");
    } catch (NoSuchFileException closed) {
      return "/";
    }
  }

  /** What is there, once no more than {@code before} is, or after twenty seconds. */
  public static KvmLeftovers settled(Processes service, KvmLeftovers before) throws IOException {
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
  public KvmLeftovers minus(KvmLeftovers before) {
    Map<String, Long> more = new TreeMap<>(descriptors);
    more.replaceAll((kind, count) -> count - before.descriptors.getOrDefault(kind, 0L));
    more.values().removeIf(count -> count <= 0);
    return new KvmLeftovers(
        more,
        Math.max(0, mappings - before.mappings),
        Math.max(0, threads - before.threads),
        Math.max(0, processes - before.processes));
  }

  /** Whether there is nothing at all. */
  public boolean isNothing() {
    return descriptors.isEmpty() && mappings + threads + processes == 0;
  }
}
