package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RamLoader;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotReader;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.cli.Quire;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * kill -9 of {@code quire snapshot} while it puts a snapshot in the place of another: at any moment
 * of its life, and as often while it writes, the directory is the old one or the new. 200 times in
 * the full profile.
 */
class SnapshotCommandKillTest {
  private static final int KILLS = Integer.getInteger("quire.test.scale", 1) > 1 ? 200 : 4;
  private static final long SEED = 20261122;
  private static final String GUEST = "nonce-x86_64";
  private static final String[] POINTS = {"insn:200000", "insn:500000"};

  /** Kills beyond the usual length of what they are aimed at: some find it done. */
  private static final double BEYOND = 1.1;

  @TempDir Path folder;
  private final List<Snapshot> known = new ArrayList<>();
  private final List<String> hashes = new ArrayList<>();
  private Path directory;
  private long lifeNanos;
  private long writeNanos;

  @BeforeEach
  void knowBothSnapshots() throws Exception {
    for (String point : POINTS) {
      directory = folder.resolve(point.replace(':', '-'));
      long begin = System.nanoTime();
      Process command = start(point);
      awaitWriting(command);
      long writing = System.nanoTime();
      assertThat(command.waitFor(60, TimeUnit.SECONDS)).isTrue();
      lifeNanos = System.nanoTime() - begin;
      writeNanos = System.nanoTime() - writing;
      assertThat(command.exitValue()).isZero();
      known.add(SnapshotReader.open(directory));
      hashes.add(restored(known.getLast()));
    }
    assertThat(hashes.getFirst()).isNotEqualTo(hashes.getLast());
  }

  private Process start(String point) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            Quire.class.getName(),
            "snapshot",
            GUEST,
            "--at",
            point,
            "--memory",
            "4M",
            "--out",
            directory.toString(),
            "--quiet")
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private List<String> names() throws IOException {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
    }
  }

  /** Until the command has begun to write, or is over. */
  private void awaitWriting(Process command) throws IOException {
    List<String> before = names();
    while (command.isAlive() && names().equals(before)) {
      LockSupport.parkNanos(200_000);
    }
  }

  private static String restored(Snapshot snapshot) {
    MachineConfig config =
        new MachineConfig(HostPagePolicy.BASE, 1, Guests.ENOUGH_INSTRUCTIONS, value -> {});
    try (VirtualMachine machine = VirtualMachine.restore(config, snapshot, RamLoader.EAGER)) {
      return machine.memoryHash();
    }
  }

  /** The index of the snapshot that is there, which is one of both, every byte of it. */
  private int present(int kill) {
    Snapshot snapshot = SnapshotReader.open(directory);
    snapshot.memory().verifyAll();
    for (int i = 0; i < known.size(); i++) {
      if (snapshot.identity().equals(known.get(i).identity())) {
        assertThat(snapshot.state()).isEqualTo(known.get(i).state());
        assertThat(snapshot.description()).isEqualTo(known.get(i).description());
        assertThat(restored(snapshot)).as("kill %d", kill).isEqualTo(hashes.get(i));
        return i;
      }
    }
    throw new AssertionError("after kill " + kill + " there is another snapshot");
  }

  @Test
  void killedAtAnyMomentTheOldOrTheNewIsThere() throws Exception {
    Random random = new Random(SEED);
    int present = present(-1);
    int replaced = 0;
    int whileWriting = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      Process command = start(POINTS[1 - present]);
      try {
        long delay = (long) (random.nextDouble() * BEYOND * lifeNanos);
        if (kill % 2 == 1) {
          awaitWriting(command);
          delay = (long) (random.nextDouble() * BEYOND * writeNanos);
        }
        command.waitFor(delay, TimeUnit.NANOSECONDS);
      } finally {
        command.destroyForcibly();
        assertThat(command.waitFor(30, TimeUnit.SECONDS)).isTrue();
      }
      List<String> left = names();
      // CURRENT, LOCK, the snapshot, and what one writer leaves.
      assertThat(left).as("kill %d", kill).contains("CURRENT").hasSizeLessThanOrEqualTo(5);
      whileWriting += left.size() > 3 ? 1 : 0;
      int now = present(kill);
      replaced += now == present ? 0 : 1;
      present = now;
    }
    if (KILLS >= 200) {
      assertThat(replaced).as("found the new one").isBetween(10, KILLS - 10);
      assertThat(whileWriting).as("left something half done").isGreaterThan(10);
    }
    Process last = start(POINTS[1 - present]);
    assertThat(last.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(present(KILLS)).isEqualTo(1 - present);
    assertThat(names()).hasSize(3).contains("CURRENT", "LOCK");
  }
}
