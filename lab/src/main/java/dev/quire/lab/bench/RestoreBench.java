package dev.quire.lab.bench;

import dev.quire.bindings.NativeMemory;
import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.restore.RestoreCosts;
import dev.quire.emulator.restore.RestoreRun;
import dev.quire.emulator.restore.RestoreSettings;
import dev.quire.emulator.restore.RestoreStrategies;
import dev.quire.emulator.restore.RestoreStrategy;
import dev.quire.emulator.snapshot.PageSource;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotReader;
import dev.quire.emulator.snapshot.SnapshotWriter;
import dev.quire.kernel.mm.HostPagePolicy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Restores by the wall clock: how long the first instruction of a large guest takes to come about,
 * how fast memory is moved by eager strategies, and what a round trip of userfaultfd costs beside a
 * plain fault. Snapshots are made in a temporary folder (700 MiB) and removed.
 */
public final class RestoreBench {
  private static final String BENCH = "restore";
  private static final String GUEST = "hello-x86_64";
  private static final long GIB = 1L << 30;
  private static final long MIB = 1L << 20;
  private static final int PAGE_BYTES = 4096;
  private static final double MOST_FIRST_INSTRUCTION = 1.5;
  private static final double LEAST_BANDWIDTH = 0.5;

  /** Of the large guest every eighth page is stored: its table covers all of memory. */
  private static final int SPARSE = 8;

  /** Each takes milliseconds, and the first ones mostly the compiler's time. */
  private static final int FIRST_INSTRUCTIONS = 8;

  private static final long DENSE_BYTES = 256 * MIB;

  private final Function<String, byte[]> guests;
  private final int rounds;

  /**
   * @param guests built-in guests by name
   */
  public RestoreBench(Function<String, byte[]> guests, int rounds) {
    this.guests = guests;
    this.rounds = rounds;
  }

  public List<Ratio> run() {
    try {
      Path folder = Files.createTempDirectory("quire-bench-restore");
      try {
        return run(folder);
      } finally {
        remove(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write snapshots for the benchmark", e);
    }
  }

  private static void remove(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private List<Ratio> run(Path folder) throws IOException {
    List<Ratio> results = new ArrayList<>();
    Path large = write(folder.resolve("large"), 3 * GIB, SPARSE);
    Path small = write(folder.resolve("small"), 64 * MIB, SPARSE);
    double[] first =
        TurnByTurn.medians(
            FIRST_INSTRUCTIONS * rounds,
            () -> firstInstructionNanos(large),
            () -> firstInstructionNanos(small));
    results.add(
        Ratio.cost(
            BENCH,
            "first instruction, 3 GiB on demand",
            "ms",
            first[0] / 1e6,
            "the same of 64 MiB",
            first[1] / 1e6,
            MOST_FIRST_INSTRUCTION));
    Snapshot dense = SnapshotReader.open(write(folder.resolve("dense"), DENSE_BYTES, 1));
    double[] eager =
        TurnByTurn.medians(
            rounds,
            () -> eagerNanos(dense, "eager-write"),
            () -> eagerNanos(dense, "eager-memcpy"),
            RestoreBench::memcpyNanos);
    results.add(bandwidth("eager-write", eager[0], eager[2]));
    results.add(bandwidth("eager-memcpy", eager[1], eager[2]));
    double[] faults =
        TurnByTurn.medians(rounds, UffdRoundTrips::roundTripNanos, UffdRoundTrips::plainFaultNanos);
    results.add(
        Ratio.part(
            BENCH,
            "userfaultfd round trips a second",
            "k/s",
            1e6 / faults[0],
            "plain faults a second",
            1e6 / faults[1]));
    return results;
  }

  private static Ratio bandwidth(String strategy, double nanos, double memcpyNanos) {
    double mib = (double) DENSE_BYTES / MIB;
    return Ratio.speed(
        BENCH,
        strategy + " of 256 MiB",
        "ms/GiB",
        nanos / 1e6 * 1024 / mib,
        "memcpy into fresh memory",
        memcpyNanos / 1e6 * 1024 / mib,
        LEAST_BANDWIDTH);
  }

  /** A snapshot of a guest at its start, of which every n-th page is random. */
  private Path write(Path folder, long memoryBytes, int every) throws IOException {
    GuestFile file = new GuestFile(GUEST, guests.apply(GUEST));
    BootRequest request = new BootRequest(file, null, "", memoryBytes, 1, null);
    try (VirtualMachine machine =
        VirtualMachine.create(config(HostPagePolicy.BASE), BootLoader.plan(request))) {
      new SnapshotWriter(folder, "quire bench", false)
          .write(
              machine.describe(GUEST, ""),
              machine.saveState(),
              filled(machine.memory(), memoryBytes / PAGE_BYTES, every));
    }
    return folder;
  }

  /** The pages that a guest has, and the n-th filled where it has none. */
  private static PageSource filled(PageSource own, long pages, int every) {
    return visitor -> {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment page = arena.allocate(PAGE_BYTES, PAGE_BYTES);
        long[] next = {0};
        own.forEach(
            (gfn, bytes) -> {
              fill(visitor, page, next[0], gfn, every);
              visitor.page(gfn, bytes);
              next[0] = gfn + 1;
            });
        fill(visitor, page, next[0], pages, every);
      }
    };
  }

  private static void fill(
      PageSource.Visitor visitor, MemorySegment page, long from, long end, int every) {
    for (long gfn = (from + every - 1) / every * every; gfn < end; gfn += every) {
      for (long at = 0; at < PAGE_BYTES; at += Long.BYTES) {
        page.set(ValueLayout.JAVA_LONG, at, (gfn * PAGE_BYTES + at) * 0x9e3779b97f4a7c15L | 1);
      }
      visitor.page(gfn, page);
    }
  }

  private static MachineConfig config(HostPagePolicy pages) {
    return new MachineConfig(pages, 1, Long.MAX_VALUE, value -> {});
  }

  private static RestoreRun restore(Snapshot snapshot, String name) {
    RestoreStrategy strategy = RestoreStrategies.named(name);
    HostPagePolicy pages = strategy.usualPages();
    MachineConfig config =
        new MachineConfig(
            pages, 1, Long.MAX_VALUE, value -> {}, null, 0, null, strategy.usualKernel(pages));
    return new RestoreRun(snapshot, strategy, RestoreSettings.of(pages, RestoreCosts.NONE), config);
  }

  private static double firstInstructionNanos(Path folder) {
    long begin = System.nanoTime();
    try (RestoreRun run = restore(SnapshotReader.open(folder), "demand")) {
      run.firstInstruction();
      return System.nanoTime() - begin;
    }
  }

  private static double eagerNanos(Snapshot snapshot, String strategy) {
    try (RestoreRun run = restore(snapshot, strategy)) {
      return run.eagerWallNanos();
    }
  }

  /** As many bytes as the guest has, page by page, from memory to memory that is fresh. */
  private static double memcpyNanos() {
    try (NativeMemory from = NativeMemory.reserve(DENSE_BYTES);
        NativeMemory to = NativeMemory.reserve(DENSE_BYTES)) {
      from.segment().fill((byte) 1);
      long begin = System.nanoTime();
      for (long at = 0; at < DENSE_BYTES; at += PAGE_BYTES) {
        MemorySegment.copy(from.segment(), at, to.segment(), at, PAGE_BYTES);
      }
      return System.nanoTime() - begin;
    }
  }
}
