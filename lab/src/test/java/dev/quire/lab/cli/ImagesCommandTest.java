package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
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
  void listSaysWhatTheManifestSays() throws IOException {
    List<GuestImage> images = GuestCatalogue.builtIn().images();
    try (InputStream manifest = getClass().getResourceAsStream("/dev/quire/images/manifest.json")) {
      JsonNode entries = new ObjectMapper().readTree(manifest).get("images");
      assertThat(images).hasSize(entries.size());
      for (int i = 0; i < images.size(); i++) {
        JsonNode entry = entries.get(i);
        assertThat(images.get(i))
            .isEqualTo(
                new GuestImage(
                    entry.get("name").asText(),
                    entry.get("arch").asText(),
                    entry.get("file").asText(),
                    entry.get("purpose").asText(),
                    entry.get("expected").asText(),
                    entry.get("cpus").asInt(),
                    MemorySize.parse(entry.get("memory").asText())));
      }
    }
  }
}
