package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quire.emulator.boot.GuestArchitecture;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The built artefacts are those of the manifest, and what the sources give. */
class ImageArtefactsTest {
  private static final Path IMAGES = Path.of("..", "images").toAbsolutePath().normalize();
  private static final int ELF_MAGIC = 0x464c_457f;
  private static final int ELF_MACHINE = 18;
  private static final int ELF_CLASS = 4;
  private static final int ARM64_IMAGE_MAGIC = 0x644d_5241;
  private static final int ARM64_MAGIC_AT = 56;
  private static final Map<String, Integer> MACHINES = Map.of("elf64", 62, "multiboot", 3);
  private static final long BUILD_SECONDS = 240;

  private static JsonNode manifest() throws IOException {
    return new ObjectMapper().readTree(IMAGES.resolve("bin/manifest.json").toFile());
  }

  private static String sha256(byte[] bytes) throws NoSuchAlgorithmException {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @Test
  void artefactsAreThoseOfTheManifest() throws IOException, NoSuchAlgorithmException {
    List<String> names = new ArrayList<>(List.of("manifest.json"));
    for (JsonNode image : manifest().get("images")) {
      String name = image.get("name").asText();
      names.add(image.get("file").asText());
      byte[] bytes = Files.readAllBytes(IMAGES.resolve("bin").resolve(name));
      assertThat(bytes).as(name).hasSize(image.get("size").asInt()).isEqualTo(Guests.bytes(name));
      assertThat(sha256(bytes)).as(name).isEqualTo(image.get("sha256").asText());
      checkFormat(image, ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
      assertThat(Guests.plan(name, 1, "").architecture())
          .as(name)
          .isEqualTo(
              image.get("arch").asText().equals("arm64")
                  ? GuestArchitecture.ARM64
                  : GuestArchitecture.X86_64);
      assertThat(image.get("expected").asText()).as(name).isNotBlank();
      assertThat(image.get("purpose").asText()).as(name).isNotBlank();
    }
    try (Stream<Path> files = Files.list(IMAGES.resolve("bin"))) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrderElementsOf(names);
    }
  }

  private static void checkFormat(JsonNode image, ByteBuffer file) {
    String name = image.get("name").asText();
    assertThat(name).endsWith("-" + image.get("arch").asText());
    String protocol = image.get("protocol").asText();
    if (protocol.equals("image")) {
      assertThat(file.getInt(ARM64_MAGIC_AT)).as(name).isEqualTo(ARM64_IMAGE_MAGIC);
      return;
    }
    assertThat(file.getInt(0)).as(name).isEqualTo(ELF_MAGIC);
    assertThat(file.getShort(ELF_MACHINE)).as(name).isEqualTo(MACHINES.get(protocol).shortValue());
    assertThat(file.get(ELF_CLASS)).as(name).isEqualTo((byte) (protocol.equals("elf64") ? 2 : 1));
  }

  /** {@code guests.txt} says what there is and how it ends; see its first lines. */
  @Test
  void theManifestListsEveryGuestWithItsLastLine() throws IOException {
    TreeSet<String> listed = new TreeSet<>();
    for (String line : Files.readAllLines(IMAGES.resolve("guests.txt"))) {
      if (line.startsWith("#")) {
        continue;
      }
      String[] fields = line.split("\\|");
      for (String arch : fields[1].strip().split(" ")) {
        String name = fields[0].strip() + '-' + arch;
        boolean passes = fields[4].strip().equals("pass");
        listed.add(name + ": " + (passes ? "PASS " + name : fields[6].strip()));
      }
    }
    TreeSet<String> inManifest = new TreeSet<>();
    for (JsonNode image : manifest().get("images")) {
      inManifest.add(image.get("name").asText() + ": " + image.get("expected").asText());
    }
    assertThat(inManifest).isEqualTo(listed);
  }

  @Test
  void theCompilersOfTheManifestGiveTheSameBytes(@TempDir Path folder)
      throws IOException, InterruptedException {
    JsonNode compilers = manifest().get("compilers");
    assumeTrue(hasCompiler("gcc", compilers.get("x86_64").asText()), "another gcc, or none");
    assumeTrue(
        hasCompiler("aarch64-linux-gnu-gcc", compilers.get("arm64").asText()),
        "another aarch64-linux-gnu-gcc, or none");
    Path log = folder.resolve("log");
    Path out = folder.resolve("out");
    Process build =
        new ProcessBuilder("sh", IMAGES.resolve("build.sh").toString(), "--out", out.toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertThat(build.waitFor(BUILD_SECONDS, TimeUnit.SECONDS)).as("built in time").isTrue();
    assertThat(build.exitValue()).as(Files.readString(log)).isZero();
    try (Stream<Path> files = Files.list(IMAGES.resolve("bin"))) {
      for (Path file : files.toList()) {
        assertThat(out.resolve(file.getFileName())).hasSameBinaryContentAs(file);
      }
    }
  }

  private static boolean hasCompiler(String command, String firstLine) throws InterruptedException {
    try {
      Process process = new ProcessBuilder(command, "--version").redirectErrorStream(true).start();
      String version = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.waitFor() == 0 && version.lines().findFirst().orElse("").equals(firstLine);
    } catch (IOException e) {
      // There is none.
      return false;
    }
  }
}
