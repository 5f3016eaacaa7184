package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ImagesCommandTest {
  private final CommandLineHarness quire = new CommandLineHarness();

  @Test
  void everyGuestOfTheManifestIsListedOnItsOwnLine() {
    assertThat(quire.run("images")).isZero();
    int guests = GuestCatalogue.builtIn().images().size();
    assertThat(guests).isPositive();
    assertThat(quire.out()).hasLineCount(guests + 1).contains("hello-x86_64", "hello-arm64");
  }

  @Test
  void jsonTellsNameArchPurposeAndLastLine() {
    assertThat(quire.run("images", "--json", "-")).isZero();
    assertThat(quire.out().lines())
        .anyMatch(
            line ->
                line.startsWith(
                        "{\"kind\":\"image\",\"name\":\"hello-arm64\",\"arch\":\"arm64\",\"purpose\":")
                    && line.endsWith("\"expected\":\"PASS hello-arm64\"}"));
  }

  @Test
  void everyGuestsFileIsThere() {
    GuestCatalogue catalogue = GuestCatalogue.builtIn();
    for (GuestImage image : catalogue.images()) {
      assertThat(catalogue.bytes(image)).as(image.name()).isNotEmpty();
    }
  }

  @Test
  void unknownFieldsOfTheManifestAreSkipped() throws IOException {
    String manifest =
        """
        {"compilers": {"a": ["b", {"c": 1}]},
         "images": [{"name": "n", "arch": "arm64", "nested": {"x": [1]}, "file": "f",
                     "purpose": "p", "expected": "PASS n", "cpus": 4, "memory": "8M"}],
         "later": 1}
        """;
    assertThat(
            GuestCatalogue.parse(
                new ByteArrayInputStream(manifest.getBytes(StandardCharsets.UTF_8))))
        .containsExactly(
            new GuestImage("n", "arm64", "f", "p", "PASS n", 4, MemorySize.parse("8M")));
  }
}
