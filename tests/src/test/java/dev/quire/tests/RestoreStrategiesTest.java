package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.restore.FaultAllHandler;
import dev.quire.emulator.restore.NeighbourhoodHandler;
import dev.quire.emulator.restore.PageAnswer;
import dev.quire.emulator.restore.RestoreResult;
import dev.quire.emulator.restore.RestoreStrategies;
import dev.quire.emulator.restore.UffdHandler;
import dev.quire.emulator.snapshot.Snapshot;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever brings memory back, the guest goes on as if nothing had been. */
class RestoreStrategiesTest {
  private static final String GUPS = "mib=1 updates=4000";

  @TempDir static Path folder;

  private static Snapshot x86;
  private static Snapshot arm;
  private static Snapshot smp;

  @BeforeAll
  static void takeSnapshots() throws IOException {
    x86 = RestoredGuests.snapshot("gups-x86_64", 1, GUPS, folder.resolve("x86"));
    arm = RestoredGuests.snapshot("gups-arm64", 1, GUPS, folder.resolve("arm"));
    smp = RestoredGuests.snapshot("smp-x86_64", 4, "", folder.resolve("smp"));
  }

  private static void assertAsExpected(Snapshot snapshot, RestoreResult result) {
    assertThat(result.status()).as(result.reason()).isEqualTo(RunStatus.PASS);
    assertThat(result.run().instructions())
        .isEqualTo(snapshot.description().expected().instructions());
    assertThat(result.memoryHash()).isEqualTo(snapshot.description().expected().memoryHash());
  }

  static Iterable<String> strategies() {
    return RestoreStrategies.names();
  }

  @ParameterizedTest
  @MethodSource("strategies")
  void everyStrategyKeepsTheEnd(String strategy) {
    assertAsExpected(x86, RestoredGuests.restore(x86, strategy));
    assertAsExpected(arm, RestoredGuests.restore(arm, strategy));
    assertAsExpected(smp, RestoredGuests.restore(smp, strategy));
  }

  @ParameterizedTest
  @CsvSource({
    "eager-write, shmem",
    "eager-memcpy, 4k",
    "eager-memcpy, shmem",
    "eager-memcpy, thp",
    "eager-memcpy, hugetlb-2m",
    "uffd-copy, thp",
    "uffd-copy, shmem",
    "uffd-copy, hugetlb-2m",
    "uffd-continue, gmem",
    "uffd-continue, hugetlb-2m",
    "populate-write, gmem",
    "populate-write, thp",
    "populate-write, hugetlb-2m",
    "prefault, gmem",
    "prefault, shmem",
    "prefault, mthp-64k",
    "demand, thp",
    "record-prefetch, hugetlb-2m"
  })
  void soItIsOnOtherPages(String strategy, String pages) {
    assertAsExpected(x86, RestoredGuests.restore(x86, strategy, RestoredGuests.settings(pages)));
    assertAsExpected(arm, RestoredGuests.restore(arm, strategy, RestoredGuests.settings(pages)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"uffd-copy", "uffd-continue"})
  void soItIsWithEveryHandler(String strategy) {
    Function<PageAnswer, UffdHandler> block = answer -> new NeighbourhoodHandler(answer, 16);
    Function<PageAnswer, UffdHandler> all = answer -> new FaultAllHandler(answer, Long.MAX_VALUE);
    Function<PageAnswer, UffdHandler> some = answer -> new FaultAllHandler(answer, 100);
    String pages = RestoreStrategies.named(strategy).usualPages().name();
    for (Function<PageAnswer, UffdHandler> handler : java.util.List.of(block, all, some)) {
      assertAsExpected(
          x86,
          RestoredGuests.restore(
              x86, strategy, RestoredGuests.settings(pages).withHandler(handler)));
    }
  }

  /** All but wall-clock time, twice the same. */
  @ParameterizedTest
  @ValueSource(strings = {"eager-memcpy", "uffd-copy", "demand"})
  void aRestoreIsRepeatable(String strategy) {
    RestoreResult one = RestoredGuests.restore(smp, strategy);
    RestoreResult other = RestoredGuests.restore(smp, strategy);
    assertThat(other.run().stage2()).isEqualTo(one.run().stage2());
    assertThat(other.run().kernel()).isEqualTo(one.run().kernel());
    assertThat(other.timeline().size()).isEqualTo(one.timeline().size());
    for (int event = 0; event < one.timeline().size(); event++) {
      assertThat(other.timeline().gfn(event)).isEqualTo(one.timeline().gfn(event));
      assertThat(other.timeline().who(event)).isEqualTo(one.timeline().who(event));
      assertThat(other.timeline().instruction(event)).isEqualTo(one.timeline().instruction(event));
    }
  }
}
