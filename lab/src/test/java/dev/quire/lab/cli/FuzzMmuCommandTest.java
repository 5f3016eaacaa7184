package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FuzzMmuCommandTest {
  private final CommandLineHarness line = new CommandLineHarness();

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "--arch riscv | unknown architecture 'riscv': choose from x86_64, arm64",
        "--seconds -1 | --seconds and --translations cannot be negative",
        "--translations -5 | --seconds and --translations cannot be negative",
        "--endless | --endless needs one --arch"
      })
  void mistakesAreToldInOneLine(String options, String message) {
    assertThat(line.run(("bench fuzz-mmu " + options).split(" "))).isEqualTo(ExitCode.USAGE);
    assertThat(line.err()).contains(message).hasLineCount(1);
    assertThat(line.out()).isEmpty();
  }

  @Test
  void oneRoundIsJudgedAndTold() {
    int exitCode =
        line.run("bench", "fuzz-mmu", "--arch", "x86_64", "--seconds", "0", "--seed", "2");
    assertThat(line.err()).isEmpty();
    assertThat(line.out()).startsWith("x86_64: ").contains("0 mismatches", "oracle: page of order");
    assertThat(exitCode).isEqualTo(ExitCode.DONE);
  }

  @Test
  void theBenchmarksAreStillThere() {
    assertThat(line.run("bench", "no-such")).isEqualTo(ExitCode.USAGE);
    assertThat(line.err()).contains("unknown benchmark 'no-such'");
    assertThat(line.run("bench", "--help")).isEqualTo(ExitCode.DONE);
    assertThat(line.out()).contains("fuzz-mmu");
  }
}
