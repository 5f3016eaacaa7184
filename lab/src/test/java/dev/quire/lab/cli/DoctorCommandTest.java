package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.lab.cli.DoctorCommand.Finding;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class DoctorCommandTest {
  private static final Finding FOUND = new Finding("libx", true, true, "2.1.4", "/lib/x", null);
  private static final Finding NEEDED =
      new Finding("liby", false, true, null, null, "no usable liby: install it");
  private static final Finding WELCOME =
      new Finding("libz", false, false, null, null, "no usable libz: install it");

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private int run(Finding... findings) {
    PrintStream stream = new PrintStream(out);
    Invocation invocation = new Invocation(stream, stream, false, false, false, "", null, null);
    List<java.util.function.Supplier<Finding>> checks =
        List.of(findings).stream()
            .map(finding -> (java.util.function.Supplier<Finding>) () -> finding)
            .toList();
    return new CommandLine(new DoctorCommand(invocation, checks)).execute();
  }

  @Test
  void everythingFoundIsExitCode0() {
    assertThat(run(FOUND)).isZero();
    assertThat(out.toString()).isEqualTo("libx         ok       2.1.4 (/lib/x)\n");
  }

  @Test
  void aMissingNeedIsExitCode3AndSaysHowToMendIt() {
    assertThat(run(FOUND, NEEDED)).isEqualTo(3);
    assertThat(out.toString()).contains("liby         MISSING  no usable liby: install it\n");
  }

  @Test
  void aMissingWelcomeThingIsNoFailure() {
    assertThat(run(FOUND, WELCOME)).isZero();
    assertThat(out.toString()).contains("libz         absent   no usable libz: install it\n");
  }

  @Test
  void theRealChecksPassOnAMachineThatIsSetUp() {
    CommandLineHarness quire = new CommandLineHarness();
    assertThat(quire.run("doctor")).as(quire.out()).isZero();
    assertThat(quire.out()).contains("JDK", "libunicorn", "x86 state", "arm64 state");
    assertThat(quire.out()).contains("calibrated and verified");
  }

  @Test
  void jsonHasOneCheckALine() {
    CommandLineHarness quire = new CommandLineHarness();
    assertThat(quire.run("doctor", "--json", "-")).isZero();
    assertThat(quire.out().lines().skip(1))
        .hasSize(5)
        .allMatch(line -> line.startsWith("{\"kind\":\"check\",\"name\":\""));
  }
}
