package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.machine.Pacing;
import dev.quire.tests.Guests.Image;
import dev.quire.tests.Guests.Run;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every built-in guest ends as its manifest says. */
class BuiltInGuestsTest {
  /** The guest that spins for ever ends here. */
  private static final long LIMIT = 1_000_000;

  static List<Image> images() {
    return Guests.manifest();
  }

  @ParameterizedTest
  @MethodSource("images")
  void endsAsItsManifestSays(Image image) {
    long limit = image.status().equals("limit") ? LIMIT : Guests.ENOUGH_INSTRUCTIONS;
    Run run = Guests.run(Guests.plan(image.name(), image.cpus(), ""), limit, Pacing.STANDARD);
    assertThat(run.result().status().jsonName()).as(run.console()).isEqualTo(image.status());
    assertThat(run.lastLine()).isEqualTo(image.expected());
  }
}
