package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.lab.report.JsonLines;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ConsoleOutputTest {
  private final ByteArrayOutputStream shown = new ByteArrayOutputStream();

  private static void print(ConsoleOutput console, String text) {
    for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
      console.write(value);
    }
  }

  @Test
  void aTransientLineIsErasedBeforeTheGuestsNextByte() {
    List<String> events = new ArrayList<>();
    ConsoleOutput console = new ConsoleOutput(new PrintStream(shown), true, null);
    assertThat(console.between(() -> events.add("show"), () -> events.add("erase"))).isTrue();
    print(console, "ab");
    assertThat(events).containsExactly("show", "erase");
    assertThat(console.between(() -> events.add("show"), () -> events.add("erase"))).isFalse();
    assertThat(events).hasSize(2);
  }

  @Test
  void jsonGetsWholeLinesAndTheUnfinishedRest() throws IOException {
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonLines lines = new JsonLines("results", json)) {
      ConsoleOutput console = new ConsoleOutput(null, false, lines);
      print(console, "één\nrest");
      console.finish();
    }
    assertThat(json.toString(StandardCharsets.UTF_8))
        .isEqualTo(
            """
            {"kind":"console","text":"één\\n"}
            {"kind":"console","text":"rest"}
            """);
  }

  @Test
  void anEndlessLineIsReportedInPieces() throws IOException {
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonLines lines = new JsonLines("results", json)) {
      ConsoleOutput console = new ConsoleOutput(null, false, lines);
      print(console, "x".repeat(100_000));
      console.finish();
    }
    assertThat(json.toString(StandardCharsets.UTF_8).lines()).hasSize(7);
  }
}
