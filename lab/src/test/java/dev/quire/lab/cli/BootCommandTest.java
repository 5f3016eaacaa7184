package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BootCommandTest {
  private final CommandLineHarness quire = new CommandLineHarness();

  @TempDir Path folder;

  @Test
  void consoleGoesToStandardOutputAndTheSummaryToStandardError() {
    assertThat(quire.run("boot", "hello-x86_64")).isZero();
    assertThat(quire.out()).isEqualTo("hello\nPASS scripted\n");
    assertThat(quire.err()).contains("hello-x86_64: pass, the guest said so", "1,234,567");
    assertThat(quire.runner.closed).isTrue();
  }

  @Test
  void quietLeavesOnlyTheConsole() {
    assertThat(quire.run("boot", "hello-x86_64", "--quiet")).isZero();
    assertThat(quire.out()).isEqualTo("hello\nPASS scripted\n");
    assertThat(quire.err()).isEmpty();
  }

  @Test
  void anUnfinishedLastLineIsFinished() {
    quire.runner.console = "no newline";
    quire.run("boot", "hello-x86_64");
    assertThat(quire.out()).isEqualTo("no newline\n");
  }

  @ParameterizedTest
  @EnumSource(RunStatus.class)
  void theExitCodeTellsHowTheRunEnded(RunStatus status) {
    quire.runner.status = status;
    int expected =
        switch (status) {
          case PASS, POWEROFF, RESET -> 0;
          case LIMIT -> 124;
          case INTERRUPTED -> 130;
          case FAIL, TRIPLE_FAULT, PANIC, HANG, HANDLER_DEAD -> 1;
        };
    assertThat(quire.run("boot", "hello-x86_64")).isEqualTo(expected);
  }

  @Test
  void optionsReachTheMachine() throws IOException {
    Path initrd = Files.writeString(folder.resolve("initrd"), "abc");
    int exitCode =
        quire.run(
            "boot",
            "hello-arm64",
            "--memory",
            "1G",
            "--smp",
            "3",
            "--append",
            "console=x",
            "--initrd",
            initrd.toString(),
            "--host-pages",
            "thp",
            "--host-kernel",
            "rfc-write+memory-attributes",
            "--seed",
            "7",
            "--max-instructions",
            "5000",
            "--timeout",
            "2.5",
            "--",
            "pages=3",
            "--raw");
    assertThat(exitCode).isZero();
    BootRequest request = quire.runner.request;
    assertThat(request.architecture()).isNull();
    assertThat(request.memoryBytes()).isEqualTo(1L << 30);
    assertThat(request.cpus()).isEqualTo(3);
    assertThat(request.commandLine()).isEqualTo("console=x pages=3 --raw");
    assertThat(request.initrd().bytes()).asString().isEqualTo("abc");
    RunSettings settings = quire.runner.settings;
    assertThat(settings.hostPages()).isEqualTo(HostPagePolicy.THP);
    assertThat(settings.hostKernel()).hasToString("rfc-write+memory-attributes");
    assertThat(settings.seed()).isEqualTo(7);
    assertThat(settings.maxInstructions()).isEqualTo(5000);
    assertThat(settings.timeout()).isEqualTo(Duration.ofMillis(2500));
  }

  @Test
  void defaultsAreTheGuestsOwnNeedsAndNoLimits() {
    quire.run("boot", "hello-x86_64");
    BootRequest request = quire.runner.request;
    assertThat(request.memoryBytes()).isEqualTo(64L << 20);
    assertThat(request.cpus()).isEqualTo(1);
    assertThat(quire.runner.settings.maxInstructions()).isEqualTo(Long.MAX_VALUE);
    assertThat(quire.runner.settings.timeout()).isNull();
    assertThat(quire.runner.settings.hostPages()).isEqualTo(HostPagePolicy.BASE);
    assertThat(quire.runner.settings.hostKernel()).isEqualTo(KernelProfile.LINUX_6_18);
    assertThat(request.initrd()).isNull();
  }

  @Test
  void aFileIsBootedAsItIs() throws IOException {
    Path kernel = Files.writeString(folder.resolve("kernel"), "ELF");
    assertThat(quire.run("boot", kernel.toString(), "--arch", "arm64")).isZero();
    assertThat(quire.runner.request.kernel().bytes()).asString().isEqualTo("ELF");
    assertThat(quire.runner.request.architecture()).isEqualTo(GuestArchitecture.ARM64);
  }

  @Test
  void jsonOnStandardOutputLeavesNothingElseThere() {
    assertThat(quire.run("boot", "hello-x86_64", "--json", "-")).isZero();
    assertThat(quire.out().lines())
        .hasSize(7)
        .allMatch(line -> line.startsWith("{\"kind\":\"") && line.endsWith("}"));
    assertThat(quire.out().lines().map(line -> line.split("\"")[3]))
        .containsExactly(
            "manifest", "console", "console", "exit", "counters", "counters", "summary");
    assertThat(quire.out().lines().skip(1).findFirst())
        .contains("{\"kind\":\"console\",\"text\":\"hello\\n\"}");
  }

  @Test
  void jsonIntoAFileKeepsTheConsoleOnStandardOutput() throws IOException {
    Path results = folder.resolve("out.json");
    assertThat(quire.run("boot", "hello-x86_64", "--json", results.toString())).isZero();
    assertThat(quire.out()).isEqualTo("hello\nPASS scripted\n");
    assertThat(Files.readString(results)).endsWith("}\n").doesNotContain("\n\n");
    assertThat(Files.readAllLines(results).getFirst())
        .contains("\"commit\":\"c0ffee\"", "\"seed\":1", "\"memory_bytes\":67108864");
  }
}
