package dev.quire.lab.cli;

import dev.quire.lab.report.AtomicFile;
import dev.quire.lab.stream.AccessStream;
import dev.quire.lab.stream.PackedAccess;
import dev.quire.lab.stream.StreamSpec;
import dev.quire.lab.stream.TraceWriter;
import java.io.IOException;
import java.nio.file.Path;

/** {@code quire tlb --record}: writes a stream as a trace, all of it or none. */
final class StreamRecorder {
  private static final int BATCH = 1 << 12;

  private StreamRecorder() {}

  /** What was written. */
  record Recorded(long accesses, long instructions) {}

  /**
   * Writes the stream, which may come from the file that is written.
   *
   * @throws CommandFailure if the file cannot be written; it is then as it was
   */
  static Recorded record(StreamSpec spec, long seed, Path target) {
    ReportFile.check(target, "--record " + target);
    try (AccessStream input = spec.open(seed);
        AtomicFile file = AtomicFile.open(target)) {
      Recorded recorded;
      try (TraceWriter writer = TraceWriter.create(file.stream(), target.toString())) {
        recorded = copy(input, writer);
        writer.finish();
      }
      file.commit();
      return recorded;
    } catch (IOException e) {
      throw CommandFailure.usage("cannot write --record " + target + ": " + e.getMessage(), e);
    }
  }

  private static Recorded copy(AccessStream input, TraceWriter writer) throws IOException {
    long[] accesses = new long[BATCH];
    long instructions = 0;
    for (int count; (count = input.read(accesses, BATCH)) > 0; ) {
      writer.write(accesses, count);
      for (int i = 0; i < count; i++) {
        instructions += PackedAccess.startsInstruction(accesses[i]) ? 1 : 0;
      }
    }
    return new Recorded(writer.written(), instructions);
  }
}
