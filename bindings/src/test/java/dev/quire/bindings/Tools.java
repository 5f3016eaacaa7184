package dev.quire.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Assumptions;

/** Compilers that some tests use when the machine has them. */
final class Tools {
  private Tools() {}

  /** Skips the test on a machine without {@code command}. */
  static void assumeCommand(String command) {
    String path = System.getenv().getOrDefault("PATH", "");
    Assumptions.assumeTrue(
        Arrays.stream(path.split(":")).anyMatch(d -> Files.isExecutable(Path.of(d, command))),
        command + " is not installed");
  }

  static void run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }
}
