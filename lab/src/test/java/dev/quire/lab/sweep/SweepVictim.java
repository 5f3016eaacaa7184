package dev.quire.lab.sweep;

import java.io.IOException;
import java.nio.file.Path;

/** A sweep in a process of its own, to be killed. */
final class SweepVictim {
  private SweepVictim() {}

  /** Arguments: folder, pages, results file. */
  public static void main(String[] args) throws IOException {
    new FakeQuire(Path.of(args[0])).run(FakeQuire.spec(args[1]), Path.of(args[2]), Shard.WHOLE);
  }
}
