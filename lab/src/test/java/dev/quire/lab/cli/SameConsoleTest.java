package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class SameConsoleTest {
  private static CountingConsole console(String text) {
    CountingConsole console = new CountingConsole(ignored -> {});
    for (byte value : text.getBytes(StandardCharsets.US_ASCII)) {
      console.write(value);
    }
    return console;
  }

  @Test
  void everyConsoleIsHeldAgainstTheFirst() {
    SameConsole consoles = new SameConsole();
    assertThat(consoles.difference("demand", console("PASS\n"))).isNull();
    assertThat(consoles.difference("prefault", console("PASS\n"))).isNull();
    assertThat(consoles.difference("uffd-copy", console("PBSS\nx")))
        .isEqualTo("printed 6 bytes that are not the 5 it printed when demand restored it");
    assertThat(consoles.difference("uffd-continue", console("PASS\n"))).isNull();
  }
}
