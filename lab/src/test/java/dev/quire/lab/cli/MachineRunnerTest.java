package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The command line on real machines: limits, endings, and the same JSON from the same arguments.
 */
class MachineRunnerTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    out.reset();
    err.reset();
    PrintStream outStream = new PrintStream(out, true, StandardCharsets.UTF_8);
    PrintStream errStream = new PrintStream(err, true, StandardCharsets.UTF_8);
    return Quire.run(
        args,
        new Invocation(outStream, errStream, false, false, false, "", null, new MachineRunner()));
  }

  private String results(String... args) {
    run(args);
    return out.toString(StandardCharsets.UTF_8)
        .replaceAll("\"engine\":\\{[^}]*}", "")
        .replaceAll("\"wall_ns\":\\d+", "");
  }

  @ParameterizedTest
  @ValueSource(strings = {"hello-x86_64", "hello-arm64"})
  void theSmallestGuestPassesAndRepeatsItself(String guest) {
    assertThat(run("boot", guest)).as(err.toString()).isZero();
    assertThat(out.toString()).endsWith("PASS " + guest + "\n");

    String first = results("boot", guest, "--json", "-");
    assertThat(first)
        .contains("\"status\":\"pass\"")
        .isEqualTo(results("boot", guest, "--json", "-"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"spin-x86_64", "spin-arm64"})
  void anEndlessGuestStopsAfterExactlySoManyInstructions(String guest) {
    assertThat(run("boot", guest, "--max-instructions", "123457", "--json", "-")).isEqualTo(124);
    assertThat(out.toString()).contains("\"status\":\"limit\"", "\"instructions\":123457,");
  }

  @Test
  void anEndlessGuestStopsAtItsTimeout() {
    assertThat(run("boot", "spin-x86_64", "--timeout", "0.2")).isEqualTo(124);
    assertThat(err.toString()).contains("limit, the timeout of 0.2 s ran out");
  }

  @Test
  void moreProcessorsThanTheMachineHasAreRefused() {
    assertThat(run("boot", "hello-x86_64", "--smp", "9")).isEqualTo(2);
    assertThat(err.toString()).contains("--smp 9 is out of range: 1 to 8");
  }

  @Test
  void aLargeHostPageIsOneTouchedPage() {
    assertThat(run("boot", "hello-x86_64", "--host-pages", "thp", "--json", "-")).isZero();
    assertThat(out.toString()).containsPattern("\"pages_touched\":\\{\"2m\":[12]}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"mthp-16k", "mthp-64k+aggregation", "mthp-all", "gmem", "shmem", "hugetlb-2m"})
  void aGuestRunsOnEveryKindOfHostPage(String policy) {
    for (String guest : new String[] {"hello-x86_64", "hello-arm64"}) {
      assertThat(run("boot", guest, "--host-pages", policy)).as(err.toString()).isZero();
    }
  }

  @Test
  void theContiguousBitAndOtherGranulesAreArmsAlone() {
    assertThat(run("boot", "paging-arm64", "--host-pages", "mthp-64k+contpte")).isZero();
    assertThat(run("boot", "hello-x86_64", "--host-pages", "mthp-64k+contpte")).isEqualTo(2);
    assertThat(err.toString()).contains("the contiguous bit is arm64's; for x86_64 choose one of");
    assertThat(run("boot", "hello-arm64", "--host-pages", "16k:thp")).isZero();
    assertThat(run("boot", "hello-arm64", "--host-pages", "64k:mthp-256k")).isZero();
    assertThat(run("boot", "hello-x86_64", "--host-pages", "16k:thp")).isEqualTo(2);
    assertThat(err.toString()).contains("16k base pages are arm64's");
  }
}
