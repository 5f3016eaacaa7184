package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RamLoader;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotReader;
import dev.quire.emulator.snapshot.SnapshotWriter;
import dev.quire.kernel.mm.HostPagePolicy;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * kill -9 while snapshots replace each other in one directory: what is in it then restores to one
 * of them, whatever the moment. 200 times in the full profile.
 */
class SnapshotKillTest {
  private static final int SCALE = Integer.getInteger("quire.test.scale", 1);
  private static final int KILLS = SCALE == 1 ? 4 : 20 * SCALE;
  private static final long SEED = 20260106;
  private static final int LONGEST_MILLIS = 400;
  private static final long[] MOMENTS = {3_000, 9_000};
  private static final String GUEST = "hello-x86_64";

  @TempDir Path folder;

  /** Writes one snapshot after the other to the directory given, until it is killed. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) throws IOException {
      Path directory = Path.of(args[0]);
      VirtualMachine[] machines = new VirtualMachine[MOMENTS.length];
      for (int i = 0; i < MOMENTS.length; i++) {
        machines[i] = at(MOMENTS[i]);
      }
      for (int round = 0; ; round++) {
        write(directory, machines[round % machines.length], round % 3 == 0);
        if (round == 0) {
          System.out.println("ready");
        }
      }
    }
  }

  private static MachineConfig config() {
    return new MachineConfig(HostPagePolicy.BASE, 1, Guests.ENOUGH_INSTRUCTIONS, value -> {});
  }

  private static VirtualMachine at(long moment) {
    VirtualMachine machine = VirtualMachine.create(config(), Guests.plan(GUEST, 1, ""));
    assertThat(machine.runTo(moment)).isTrue();
    return machine;
  }

  private static SnapshotWriter.Written write(
      Path directory, VirtualMachine machine, boolean compress) throws IOException {
    return new SnapshotWriter(directory, "test", compress)
        .write(machine.describe(GUEST, ""), machine.saveState(), machine.memory());
  }

  @Test
  void killedAtAnyMomentTheOldOrTheNewIsThere() throws Exception {
    Map<String, String> hashes = new HashMap<>();
    for (long moment : MOMENTS) {
      try (VirtualMachine machine = at(moment)) {
        for (boolean compress : new boolean[] {false, true}) {
          hashes.put(
              write(folder.resolve("known"), machine, compress).identity(), machine.memoryHash());
        }
      }
    }
    Path directory = folder.resolve("s");
    Random random = new Random(SEED);
    Set<String> seen = new HashSet<>();
    for (int kill = 0; kill < KILLS; kill++) {
      Process child =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "--enable-native-access=ALL-UNNAMED",
                  "-XX:TieredStopAtLevel=1",
                  "-cp",
                  System.getProperty("java.class.path"),
                  Child.class.getName(),
                  directory.toString())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      try (BufferedReader out = child.inputReader()) {
        assertThat(out.readLine()).isEqualTo("ready");
        Thread.sleep(random.nextInt(LONGEST_MILLIS));
      } finally {
        child.destroyForcibly();
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
      }
      Snapshot snapshot = SnapshotReader.open(directory);
      assertThat(hashes).as("kill %d", kill).containsKey(snapshot.identity());
      snapshot.memory().verifyAll();
      seen.add(snapshot.identity());
      if (kill % 8 == 0) {
        try (VirtualMachine machine = VirtualMachine.restore(config(), snapshot, RamLoader.EAGER)) {
          assertThat(machine.memoryHash()).isEqualTo(hashes.get(snapshot.identity()));
        }
      }
    }
    assertThat(KILLS < 50 || seen.size() > 1).as("kills met different snapshots").isTrue();
    assertThat(Files.list(directory).toList()).hasSizeLessThan(7);
  }
}
