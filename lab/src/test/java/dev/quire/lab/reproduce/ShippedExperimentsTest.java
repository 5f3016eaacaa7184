package dev.quire.lab.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.quire.kernel.cost.Price;
import dev.quire.lab.cost.Amounts;
import dev.quire.lab.cost.CostFiles;
import dev.quire.lab.reproduce.ExperimentResult.Mean;
import dev.quire.lab.reproduce.RowResult.Basis;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The experiments as they ship: the fit that is committed is the fit that comes out, the answers
 * are as near as they are said to be, and each rests on its mechanism. All share their runs.
 */
class ShippedExperimentsTest {
  private static Experiments experiments;
  private static final Map<String, ExperimentResult> RESULTS = new HashMap<>();

  @BeforeAll
  static void prepare() {
    experiments = new Experiments(Workloads.of(1));
  }

  @AfterAll
  static void forget() {
    RESULTS.clear();
    experiments = null;
  }

  static List<String> names() {
    return Published.names();
  }

  private static ExperimentResult result(String name) {
    return RESULTS.computeIfAbsent(name, experiments::run);
  }

  @Test
  void fittingAgainGivesWhatIsCommitted() {
    List<Fit.Found> found = experiments.fit(CostFiles.machines());
    assertThat(found).extracting(Fit.Found::machine).isEqualTo(CostFiles.machines());
    for (Fit.Found one : found) {
      assertThat(CostFiles.agrees(one.machine(), one.nanos()))
          .as("quire reproduce --fit %s --fit-to FOLDER gives another file", one.machine())
          .isTrue();
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void fewerPricesThanRowsAndTwoThirdsArePredicted(String name) {
    ExperimentResult result = result(name);
    assertThat(result.plan().freePrices()).isLessThan(result.plan().fittedRows());
    long modelled = result.rows().size() - result.count(Basis.NOT_MODELLED);
    assertThat(3 * result.count(Basis.FITTED)).isLessThanOrEqualTo(modelled);
  }

  @ParameterizedTest
  @MethodSource("names")
  void errorsAreWithinWhatIsAskedOfTheModel(String name) {
    ExperimentResult result = result(name);
    Mean predicted = result.mean(Basis.PREDICTED);
    // Rates are held against the logarithm of their ratio, and 3 prices stand for 8 of them.
    boolean rates = name.equals("snapshot-restore");
    assertThat(predicted.model()).isLessThan(rates ? 25 : 10).isLessThan(predicted.noChange() / 3);
    assertThat(result.mean(Basis.FITTED).model()).isLessThan(rates ? 15 : 3);
    for (Published.Ladder ladder : result.published().ladders()) {
      assertThat(result.wrongOrders(ladder)).as(ladder.name()).isEmpty();
    }
  }

  /**
   * Each mechanism is switched off by running the kernel without it in place of the one with it;
   * its row moves by at least {@code least}, in its own unit.
   */
  @ParameterizedTest
  @CsvSource({
    "guest-memfd-population, selftest/after, selftest/batched, selftest/one-at-a-time, 30",
    "guest-memfd-population, locks/128-pages/after, counts/batched, counts/one-at-a-time, 127",
    "write-vs-memcpy, 3g/memcpy, populate/memcpy/3g, populate/populate-write/3g, 900",
    "write-vs-memcpy, 3g/write, populate/write/3g, populate/memcpy/3g, 1000",
    "write-vs-memcpy, page/memcpy/faults, page/memcpy, page/populate-write, 1",
    "rmap, interface/remap/2m, remap/2m/linux-6.8, remap/2m/linux-6.7, 10",
    "rmap, interface/fork/2m, fork/2m/linux-6.8, fork/2m/linux-6.7, 4",
    "rmap, fork/64k/change, fork/64k/fork-batched, fork/64k/linux-6.8, 10",
    "rmap, total/fork/16k, fork/16k/total-mapcount, fork/16k/linux-6.9, 3",
    "rmap, minimize/munmap/2m, munmap/2m/linux-6.12, munmap/2m/linux-6.11, 20",
    "mmap-exit, munmap/64k/change, munmap/64k/linux-6.9, munmap/64k/fork-batched, 20",
    "mmap-exit, exit/altra/order-3, build/order-3/ranges/j80/exit, build/order-3/pages/j80/exit,"
        + " 15",
    "large-anon-folios, v1/basic/kernel, build/v1-basic/j80/kernel, build/v1-baseline/j80/kernel,"
        + " 30",
    "large-anon-folios, v1/full/kernel, build/v1-full/j80/kernel, build/v1-basic/j80/kernel, 2",
    "large-anon-folios, v1/contpte/user, build/v1-contpte/j80/user, build/v1-full/j80/user, 1",
    "large-anon-folios, v1/exefolio/user, build/v1-exefolio/j80/user, build/v1-contpte/j80/user, 1",
    "large-anon-folios, v1/16k/user, build/v1-16k/j80/user, build/v1-baseline/j80/user, 1",
    "large-anon-folios, v5/j8/exefolio/real, build/v5-exefolio/j8/real, build/v5-mthp/j8/real, 2",
    "large-anon-folios, micro/fork/basic/2m, fork/2m/contpte-basic, fork/2m/contpte-batch, 1000",
    "large-anon-folios, micro/munmap/basic/2m, munmap/2m/contpte-basic, munmap/2m/contpte-batch,"
        + " 800"
  })
  void withoutItsMechanismARowMoves(
      String experiment, String row, String with, String without, double least) {
    PublishedRow published = result(experiment).published().rows().get(row);
    Reproduction off =
        new Reproduction(
            name -> experiments.scenario(name.equals(with) ? without : name), experiments::machine);
    double moved = off.modelled(published) - modelled(experiment, row);
    assertThat(Math.abs(moved)).isGreaterThanOrEqualTo(least);
  }

  /** Each table of rates by itself, 4 to 256 vCPUs: the mean of absolute logarithms of ratios. */
  @ParameterizedTest
  @CsvSource({"one-uffd/uffd", "one-uffd/exits", "uffd-each/uffd", "uffd-each/exits"})
  void aScalingTableIsWithinAQuarter(String table) {
    double mean =
        result("snapshot-restore").rows().stream()
            .filter(row -> row.row().name().startsWith(table + "/"))
            .filter(row -> row.basis() == Basis.PREDICTED)
            .mapToDouble(row -> Math.abs(row.error()))
            .average()
            .orElseThrow();
    assertThat(mean).isLessThan(25);
  }

  /** A rate moves by at least so many per cent if something that is shared costs nothing. */
  @ParameterizedTest
  @CsvSource({
    "one-uffd/uffd/4, wake-up, 20",
    "uffd-each/uffd/32, wake-up, 100",
    "one-uffd/uffd/256, line-other-socket, 50",
    "one-uffd/uffd/128, l3-hit, 5",
    "one-uffd/exits/16, line-other-socket, 30",
    "uffd-each/exits/128, line-same-complex, 20"
  })
  void withoutWhatIsSharedARateMoves(String row, String price, double least) {
    PublishedRow published = result("snapshot-restore").published().rows().get(row);
    Reproduction off =
        new Reproduction(
            experiments::scenario,
            machine ->
                experiments
                    .machine(machine)
                    .with(Map.of(price, new Price(0, Price.Basis.TAKEN, "switched off"))));
    double rate = modelled("snapshot-restore", row);
    assertThat(100 * (off.modelled(published) / rate - 1)).isGreaterThan(least);
  }

  /** Without the operation that a mechanism saves, having it or not is the same. */
  @ParameterizedTest
  @CsvSource({
    "rmap, minimize/munmap/2m, NR_PAGES_MAPPED_ATOMIC",
    "rmap, total/fork/16k, LARGE_MAPCOUNT_ATOMIC",
    "rmap, interface/fork/2m, FOLIO_LOOKUP",
    "mmap-exit, exit/altra/order-3/deferred-split, DEFERRED_SPLIT_QUEUE"
  })
  void whatIsSavedIsWhatTheMechanismSays(String experiment, String row, String operation) {
    PublishedRow published = result(experiment).published().rows().get(row);
    Reproduction off =
        new Reproduction(
            name -> experiments.scenario(name).without(operation), experiments::machine);
    assertThat(Math.abs(off.modelled(published)))
        .isLessThan(Math.abs(modelled(experiment, row)) * 1.01 + 1e-9)
        .satisfies(
            rest -> {
              if (experiment.equals("rmap")) {
                assertThat(rest).isCloseTo(0, within(0.5));
              }
            });
  }

  private static double modelled(String experiment, String row) {
    return result(experiment).rows().stream()
        .filter(one -> one.row().name().equals(row))
        .findFirst()
        .orElseThrow()
        .modelled();
  }

  /** Half the memory and its half again continue to what the whole does. */
  @ParameterizedTest
  @CsvSource({"fork/64k/linux-6.9", "munmap/2m/linux-6.9", "munmap/4k/linux-6.8"})
  void aSmallerRunContinuesToTheLargerOne(String scenario) {
    List<String> parts = List.of(scenario.split("/"));
    Amounts small = new FolioBench(32L << 20).run(parts);
    Amounts large = new FolioBench(256L << 20).run(parts);
    double smallTime = CostFiles.load("xeon-4210r").nanos(small);
    double largeTime = CostFiles.load("xeon-4210r").nanos(large);
    assertThat(smallTime).isCloseTo(largeTime, within(largeTime * 0.01));
  }
}
