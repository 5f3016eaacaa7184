package dev.quire.lab.fuzz;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Rounds of random translations for one architecture: round {@code s} is made from seed {@code s}
 * alone, its judge included. One thread.
 */
public final class MmuFuzz implements AutoCloseable {
  /** The architectures. */
  public enum Arch {
    X86_64,
    ARM64;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final List<String> X86_KINDS =
      List.of(
          "oracle: page of order 0",
          "oracle: page of order 9",
          "oracle: page of order 10",
          "oracle: page of order 18",
          "oracle: #GP",
          "oracle: EPT violation",
          "oracle: EPT violation of a table",
          "oracle: EPT misconfiguration",
          "oracle: a table where no memory is",
          "unicorn: page of order 0",
          "unicorn: page of order 9",
          "unicorn: page of order 10",
          "unicorn: page of order 18",
          "unicorn: #GP");

  /** P, W/R, U/S, RSVD, I/D and PK of #PF: the combinations that exist. */
  private static final int[] ORACLE_CODES = {
    0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 15, 16, 17, 20, 21, 25, 29, 33, 35, 37, 39
  };

  private static final int[] UNICORN_CODES = {
    0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 15, 16, 17, 20, 21, 25, 29
  };

  private static final List<String> FAULTS =
      List.of("TRANSLATION", "ADDRESS_SIZE", "SYNC_EXTERNAL_ON_WALK", "ACCESS_FLAG", "PERMISSION");
  private static final int FAULTS_OF_LEVEL_MINUS_1 = 3;
  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  private final Arch arch;
  private final List<MmuJudge> judges;

  MmuFuzz(Arch arch, List<MmuJudge> judges) {
    this.arch = arch;
    this.judges = judges;
  }

  /** Opens the judges; needs Unicorn. */
  public static MmuFuzz open(Arch arch) {
    List<MmuJudge> judges =
        switch (arch) {
          case X86_64 -> List.of(new OracleX86Judge(), new UnicornX86Judge());
          case ARM64 -> List.of(new OracleArm64Judge(), new UnicornArm64Judge());
        };
    return new MmuFuzz(arch, judges);
  }

  /**
   * How far to go.
   *
   * @param translations at least so many
   * @param seconds and for at least so long
   * @param endless never end but by a mismatch
   */
  public record Extent(long translations, long seconds, boolean endless) {}

  /**
   * What a run found.
   *
   * @param seed of the round that did not agree, if {@code mismatch} is not null
   */
  public record Result(
      Arch arch, FuzzTally tally, long rounds, long nanos, long seed, String mismatch) {}

  /** Hears of the run's progress after each round. */
  public interface Progress {
    void after(long rounds, FuzzTally tally);
  }

  /** Runs rounds from {@code firstSeed} on, at least one, until the extent or a mismatch. */
  public Result run(long firstSeed, Extent extent, Progress progress) {
    FuzzTally tally = new FuzzTally();
    long start = System.nanoTime();
    long seed = firstSeed;
    while (true) {
      try {
        judges.get((int) Math.floorMod(seed, (long) judges.size())).round(seed, tally);
      } catch (FuzzMismatchException found) {
        long nanos = System.nanoTime() - start;
        return new Result(arch, tally, seed - firstSeed + 1, nanos, seed, found.getMessage());
      }
      seed++;
      progress.after(seed - firstSeed, tally);
      long nanos = System.nanoTime() - start;
      if (!extent.endless()
          && tally.translations() >= extent.translations()
          && nanos >= extent.seconds() * NANOS_PER_SECOND) {
        return new Result(arch, tally, seed - firstSeed, nanos, seed, null);
      }
    }
  }

  /** What a long run must have seen and this one has not. */
  public List<String> missing(FuzzTally tally) {
    return expected().filter(kind -> !tally.outcomes().containsKey(kind)).toList();
  }

  private Stream<String> expected() {
    if (arch == Arch.X86_64) {
      Stream<String> codes =
          Stream.concat(
              Arrays.stream(ORACLE_CODES).mapToObj(code -> "oracle: #PF " + code),
              Arrays.stream(UNICORN_CODES).mapToObj(code -> "unicorn: #PF " + code));
      return Stream.concat(X86_KINDS.stream(), codes);
    }
    return Stream.concat(expectedOracleFaults(), UnicornArm64Judge.expected());
  }

  /** Every fault at every level, at each place where it can be. */
  private static Stream<String> expectedOracleFaults() {
    Stream.Builder<String> kinds = Stream.builder();
    for (String place : List.of("", " stage 2", " stage 2 of a table")) {
      for (int kind = 0; kind < FAULTS.size(); kind++) {
        int first = kind < FAULTS_OF_LEVEL_MINUS_1 ? -1 : 0;
        for (int level = first; level <= 3; level++) {
          kinds.add("oracle: " + FAULTS.get(kind) + " " + level + place);
        }
      }
    }
    for (int bits : new int[] {12, 14, 16, 21, 25, 29, 30, 36, 39, 42}) {
      kinds.add("oracle: page of " + bits + " bits");
      kinds.add("oracle: page of " + bits + " bits, flags set");
    }
    return kinds.build();
  }

  @Override
  public void close() {
    judges.forEach(MmuJudge::close);
  }
}
