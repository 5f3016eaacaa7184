package dev.quire.lab.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.quire.kernel.cost.CostModel;
import dev.quire.kernel.cost.Price;
import dev.quire.kernel.cost.Price.Basis;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class CostFilesTest {
  private static final String GOOD =
      """
      machine: toy
      about: "a toy"
      sources:
        book: "A Book, 1999"
      prices:
        PTE_SET: {ns: 2.5, source: book, confidence: R}
        other-work: {ns: 7, source: book, confidence: E}
      """;

  private static MachineCosts read(String text) {
    return CostFiles.readTaken(DataFile.parse("toy.yaml", text));
  }

  static List<String> machines() {
    return CostFiles.machines();
  }

  @ParameterizedTest
  @MethodSource("machines")
  void everyMachineThatShipsHasPricesWithSources(String machine) {
    MachineCosts costs = CostFiles.load(machine);
    assertThat(costs.prices()).hasSizeGreaterThan(30);
    assertThat(costs.prices().values()).allMatch(price -> !price.source().isBlank());
    assertThat(costs.kernel().unpriced())
        .doesNotContain(Primitive.FAULT_ENTRY, Primitive.PTE_SET, Primitive.REFCOUNT_ATOMIC);
  }

  @Test
  void timeIsCountsTimesPrices() {
    MachineCosts costs = read(GOOD);
    KernelCounters counters = new KernelCounters();
    counters.count(Primitive.PTE_SET, 4);
    counters.count(Primitive.PTE_READ, 100);
    CostModel kernel = costs.kernel();
    assertThat(kernel.nanos(counters.snapshot())).isCloseTo(10, within(1e-12));
    assertThat(kernel.unpriced()).contains(Primitive.PTE_READ).doesNotContain(Primitive.PTE_SET);
    Amounts amounts = Amounts.of(counters.snapshot()).plus(Amounts.of("other-work", 2));
    assertThat(costs.nanos(amounts)).isCloseTo(24, within(1e-12));
    assertThat(costs.nanos(amounts.without("other-work"))).isCloseTo(10, within(1e-12));
    assertThat(kernel.price(Primitive.PTE_SET).source()).isEqualTo("A Book, 1999 (recalled)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "PTE_SET: {ns: 2.5 | PTE_SIT: {ns: 2.5 | line 6: 'PTE_SIT' is neither a primitive",
        "ns: 2.5 | ns: -1 | line 6: a price of -1.0 ns: 0 to 1e12",
        "ns: 2.5 | ns: NaN | line 6: ns: 'NaN' is not a number",
        "source: book, confidence: R | source: film, confidence: R | line 6: source 'film' is not"
            + " among",
        "confidence: R | confidence: X | line 6: confidence: 'X' is not one of",
        "ns: 2.5, | ns: 2.5, colour: red, | line 6: unknown key 'colour'",
        "machine: toy | machin: toy | line 1: unknown key 'machin'",
        "about: \"a toy\" | | line 1: key 'about' is missing"
      })
  void mistakesNameFileAndLine(String good, String bad, String message) {
    String text = GOOD.replace(good, bad == null ? "" : bad);
    assertThatThrownBy(() -> read(text))
        .isInstanceOf(BadCostException.class)
        .hasMessageStartingWith("toy.yaml, line ")
        .hasMessageContaining(message);
  }

  @Test
  void whatAFitWritesIsReadBack() {
    Map<String, Double> nanos = Map.of("PTE_SET", 1.25, "other-work", 3e7);
    String text = CostFiles.fittedText("toy", List.of("a: b/c", "a: d"), nanos);
    Map<String, Price> prices = CostFiles.readFitted(DataFile.parse("toy.fitted.yaml", text));
    assertThat(prices.get("PTE_SET").nanos()).isEqualTo(1.25);
    assertThat(prices.get("other-work").nanos()).isEqualTo(3e7);
    assertThat(prices.get("PTE_SET").basis()).isEqualTo(Basis.FITTED);
    assertThat(prices.get("PTE_SET").source()).isEqualTo("fitted on a: b/c, a: d");
  }
}
