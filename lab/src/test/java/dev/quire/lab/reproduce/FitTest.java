package dev.quire.lab.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.quire.kernel.cost.Price;
import dev.quire.kernel.cost.Price.Basis;
import dev.quire.lab.cost.Amounts;
import dev.quire.lab.cost.BadCostException;
import dev.quire.lab.cost.DataFile;
import dev.quire.lab.cost.MachineCosts;
import dev.quire.lab.reproduce.ExperimentResult.Mean;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The fit, and what is said of its rows, on a toy whose prices are known. */
class FitTest {
  private static final String ROWS =
      """
      experiment: toy
      about: "a toy"
      sources:
        mail: "a mail"
      rows:
        - {name: time, unit: us, published: 3, machine: toy, source: mail, of: one}
        - {name: change, unit: "%", published: -50, machine: toy, source: mail, before: two, after: one}
        - {name: saved, unit: "%", published: 50, form: saved, machine: toy, source: mail, before: two, after: one}
        - {name: speedup, unit: "%", published: 90, form: speedup, machine: toy, source: mail, before: two, after: one}
        - {name: later, unit: us, published: 4, no_change: time, machine: toy, source: mail, of: two}
        - {name: little, unit: "%", published: 1, bound: below, machine: toy, source: mail, before: two, after: one}
        - {name: much, unit: "%", published: 40, bound: above, form: saved, machine: toy, source: mail, before: two, after: one}
        - {name: number, unit: count, published: 10, source: mail, of: one, count: PTE_SET}
        - {name: browser, unit: "%", published: 1, source: mail, not_modelled: "no browser"}
      ladders:
        - {name: times, ties: 0, rows: [time, later]}
        - {name: changes, ties: 100, rows: [change, saved]}
        - {name: wrong, ties: 0, rows: [speedup, saved]}
      """;

  private static final String PLAN =
      """
      experiment: toy
      machines:
        - machine: toy
          free:
            - {price: PTE_SET, ties: [PTE_CLEAR], why: "unknown"}
          fitted: [time, change]
      implied: [saved]
      """;

  /** PTE_SET and PTE_CLEAR are 100 ns, PTE_READ 50: one is 3 us, two 6 us. */
  private static final Map<String, Amounts> SCENARIOS =
      Map.of(
          "one",
          Amounts.of("PTE_SET", 10)
              .plus(Amounts.of("PTE_CLEAR", 10))
              .plus(Amounts.of("PTE_READ", 20)),
          "two",
          Amounts.of("PTE_SET", 50).plus(Amounts.of("PTE_READ", 20)));

  private static final MachineCosts TAKEN =
      new MachineCosts("toy", "", Map.of("PTE_READ", new Price(50, Basis.TAKEN, "a book")));

  private static Published rows() {
    return Published.read(DataFile.parse("toy.yaml", ROWS));
  }

  private static Plan plan(String text) {
    return Plan.read(DataFile.parse("toy.plan.yaml", text), rows());
  }

  private static Fit.Found fit() {
    return Fit.of("toy", Map.of(rows(), plan(PLAN)), SCENARIOS::get, TAKEN);
  }

  @Test
  void tiedPricesAreFoundWithWhatWasTakenKept() {
    Fit.Found found = fit();
    assertThat(found.nanos()).containsOnlyKeys("PTE_SET", "PTE_CLEAR");
    assertThat(found.nanos().get("PTE_SET")).isCloseTo(100, within(1e-6));
    assertThat(found.nanos().get("PTE_CLEAR")).isEqualTo(found.nanos().get("PTE_SET"));
    assertThat(found.rows()).containsExactly("toy: time", "toy: change");
    assertThat(Fit.of("other", Map.of(rows(), plan(PLAN)), SCENARIOS::get, TAKEN)).isNull();
  }

  @Test
  void everyRowSaysWhatItRestsOn() {
    MachineCosts costs = TAKEN.with(fit().prices());
    ExperimentResult result =
        new Reproduction(SCENARIOS::get, machine -> costs).run(rows(), plan(PLAN));
    Map<String, String> expected =
        Map.of(
            "time", "fitted 0.0",
            "change", "fitted 0.0",
            "saved", "fitted 0.0",
            "speedup", "predicted 10.0",
            "later", "predicted 50.0",
            "little", "predicted false",
            "much", "predicted true",
            "number", "counted 0.0",
            "browser", "not_modelled null");
    for (RowResult row : result.rows()) {
      Object error = row.members().get("error");
      String said = row.bound() != null ? "" + row.bound() : "" + error;
      assertThat(row.basis().text() + " " + said).isEqualTo(expected.get(row.row().name()));
    }
    Mean predicted = result.mean(RowResult.Basis.PREDICTED);
    assertThat(predicted.rows()).isEqualTo(2);
    assertThat(predicted.model()).isCloseTo(30, within(1e-4));
    // speedup: 0 for 90; later: 3 us for 4.
    assertThat(predicted.noChange()).isCloseTo((90 + 25) / 2.0, within(1e-9));
    assertThat(result.brokenBounds()).extracting(row -> row.row().name()).containsExactly("little");
    assertThat(result.worst(1).getFirst().row().name()).isEqualTo("later");
    assertThat(result.wrongOrders(result.published().ladders().get(0))).isEmpty();
    assertThat(result.wrongOrders(result.published().ladders().get(1))).isEmpty();
    assertThat(ResultText.of(result)).anyMatch(line -> line.contains("bounds kept: 1 of 2"));
  }

  /** A machine like another one, all of whose prices are 1.5 times as high. */
  @Test
  void aFactorOnAllPricesIsFoundByOneRow() {
    String text =
        """
        experiment: toy
        machines:
          - machine: toy
            free:
              - {price: host-factor, why: "a slower host"}
            fitted: [time]
        """;
    MachineCosts like =
        TAKEN.with(
            Map.of(
                "PTE_SET", new Price(60, Basis.TAKEN, "another machine"),
                "PTE_CLEAR", new Price(40, Basis.TAKEN, "another machine")));
    Fit.Found found = Fit.of("toy", Map.of(rows(), plan(text)), SCENARIOS::get, like);
    assertThat(found.nanos().get("host-factor")).isCloseTo(1.5, within(1e-9));
    MachineCosts costs = like.with(found.prices());
    assertThat(costs.nanos(SCENARIOS.get("one"))).isCloseTo(3000, within(1e-6));
    assertThat(costs.nanos(SCENARIOS.get("two"))).isCloseTo(6000, within(1e-6));
    String both =
        text.replace("slower host\"}", "slower\"}\n      - {price: PTE_SET, why: \"no\"}");
    assertThatThrownBy(() -> Fit.of("toy", Map.of(rows(), plan(both)), SCENARIOS::get, like))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no other price free");
  }

  @Test
  void whatNobodyPublishedIsAnsweredAndHasNoError() {
    String text = ROWS.replace("published: 4, no_change: time,", "published: null,");
    Published published = Published.read(DataFile.parse("toy.yaml", text));
    MachineCosts costs = TAKEN.with(fit().prices());
    ExperimentResult result =
        new Reproduction(SCENARIOS::get, machine -> costs).run(published, plan(PLAN));
    RowResult later = result.rows().get(4);
    assertThat(later.members()).containsEntry("published", null).containsEntry("error", null);
    assertThat(later.members()).containsEntry("modelled", 6.0).containsEntry("basis", "predicted");
    assertThat(later.inMeans()).isFalse();
    assertThatThrownBy(
            () ->
                Plan.read(
                    DataFile.parse("toy.plan.yaml", PLAN.replace("[time, ", "[later, ")),
                    published))
        .isInstanceOf(BadCostException.class)
        .hasMessageContaining("row 'later' has no published figure");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "fitted: [time, change] | fitted: [time, chance] | line 3: there is no row 'chance'",
        "fitted: [time, change] | fitted: [time, time] | line 3: row 'time' is here twice",
        "fitted: [time, change] | fitted: [little] | line 3: row 'little' is a bound",
        "implied: [saved] | implied: [time] | row 'time' is here twice",
        "why: \"unknown\" | because: \"unknown\" | unknown key 'because'",
        "experiment: toy | experiment: tor | the plan of another experiment: tor"
      })
  void aPlanThatCannotBeMeantIsRefused(String good, String bad, String message) {
    assertThatThrownBy(() -> plan(PLAN.replace(good, bad)))
        .isInstanceOf(BadCostException.class)
        .hasMessageStartingWith("toy.plan.yaml, line ")
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "unit: us, published: 3, machine: toy | unit: us, published: 3 | line 6: machine is"
            + " missing",
        "no_change: time | no_change: tome | line 10: no_change: there is no row 'tome'",
        "bound: below | bound: beneath | bound: 'beneath' is not one of",
        "unit: us, published: 4 | unit: h, published: 4 | unit 'h': one of",
        "unit: us, published: 4 | unit: kpages/s, published: 4 | key 'vcpus' is missing",
        "rows: [time, later] | rows: [time, latter] | there is no row 'latter'",
        "name: later | name: time | row 'time' is here twice"
      })
  void rowsThatCannotBeMeantAreRefused(String good, String bad, String message) {
    String text = ROWS.replace(good, bad);
    assertThatThrownBy(() -> Published.read(DataFile.parse("toy.yaml", text)))
        .isInstanceOf(BadCostException.class)
        .hasMessageStartingWith("toy.yaml, line ")
        .hasMessageContaining(message);
  }
}
