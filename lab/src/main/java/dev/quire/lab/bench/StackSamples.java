package dev.quire.lab.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedFrame;
import jdk.jfr.consumer.RecordingFile;

/**
 * Where the time of a method goes, by the JVM's flight recorder: stacks sampled while something is
 * repeated for two seconds. A sample counts for the innermost method of a package, if the method in
 * question is on the stack at all.
 */
final class StackSamples {
  private static final String SAMPLE = "jdk.ExecutionSample";
  private static final Duration PERIOD = Duration.ofMillis(10);
  private static final long RUN_NANOS = 2_000_000_000;

  /** What share of the samples a method has. */
  record Share(String method, double part) {}

  private StackSamples() {}

  /**
   * The methods with the largest shares, the largest first.
   *
   * @param work is repeated; it calls {@code method} of {@code owner}
   * @param packagePrefix of the methods told apart, with its last dot
   */
  static List<Share> of(
      Runnable work, Class<?> owner, String method, String packagePrefix, int most) {
    try (Recording recording = new Recording()) {
      recording.enable(SAMPLE).withPeriod(PERIOD);
      recording.start();
      long end = System.nanoTime() + RUN_NANOS;
      while (System.nanoTime() < end) {
        work.run();
      }
      recording.stop();
      Path file = Files.createTempFile("quire", ".jfr");
      try {
        recording.dump(file);
        return shares(RecordingFile.readAllEvents(file), owner.getName(), method, packagePrefix)
            .stream()
            .limit(most)
            .toList();
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot record a profile: " + e.getMessage(), e);
    }
  }

  private static List<Share> shares(
      List<RecordedEvent> events, String owner, String method, String packagePrefix) {
    Map<String, Integer> counts = new HashMap<>();
    int samples = 0;
    for (RecordedEvent event : events) {
      if (event.getEventType().getName().equals(SAMPLE) && event.getStackTrace() != null) {
        String innermost =
            innermost(event.getStackTrace().getFrames(), owner, method, packagePrefix);
        if (innermost != null) {
          counts.merge(innermost, 1, Integer::sum);
          samples++;
        }
      }
    }
    List<Share> shares = new ArrayList<>();
    for (Map.Entry<String, Integer> count : counts.entrySet()) {
      shares.add(new Share(count.getKey(), (double) count.getValue() / samples));
    }
    shares.sort(Comparator.comparingDouble(Share::part).reversed().thenComparing(Share::method));
    return shares;
  }

  private static String innermost(
      List<RecordedFrame> frames, String owner, String method, String packagePrefix) {
    String found = null;
    for (RecordedFrame frame : frames) {
      String type = frame.getMethod().getType().getName();
      String name = frame.getMethod().getName();
      if (found == null && type.startsWith(packagePrefix)) {
        found = type.substring(packagePrefix.length()) + "." + name;
      }
      if (type.equals(owner) && name.equals(method)) {
        return found;
      }
    }
    return null;
  }
}
