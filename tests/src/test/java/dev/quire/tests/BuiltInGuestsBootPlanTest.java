package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.EntryState;
import dev.quire.emulator.boot.GuestFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The loaders against the built-in guests, which real tools made. */
class BuiltInGuestsBootPlanTest {
  private static final Path IMAGES = Path.of("..", "images", "bin");

  static Stream<Path> guests() throws Exception {
    try (Stream<Path> files = Files.list(IMAGES)) {
      List<Path> guests =
          files.filter(file -> file.toString().matches(".*-(x86_64|arm64)")).sorted().toList();
      assertThat(guests).hasSizeGreaterThan(2);
      return guests.stream();
    }
  }

  @ParameterizedTest
  @MethodSource("guests")
  void aBuiltInGuestIsTakenAsWhatItsNameSays(Path file) {
    BootPlan plan = BootLoader.plan(BootRequest.of(GuestFile.read(file), 64 << 20).withCpus(4));
    assertThat(file.toString()).endsWith("-" + plan.architecture());
    boolean multiboot = plan.entry() instanceof EntryState.X86Entry32;
    assertThat(multiboot).isEqualTo(file.getFileName().toString().startsWith("multiboot"));
  }
}
