package dev.quire.lab.preset;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** The presets that ship with Quire, and files of the user's in the same form. */
public final class PresetCatalogue {
  private static final String FOLDER = "/dev/quire/lab/presets/";
  private static final int MOST_BYTES = 256 << 10;

  private static final List<String> NAMES =
      List.of(
          "skylake-sp",
          "icelake",
          "sapphire-rapids",
          "zen2",
          "zen3",
          "zen4",
          "cortex-a53",
          "cortex-a55",
          "cortex-a72",
          "cortex-a76",
          "neoverse-n1",
          "ampere-altra",
          "neoverse-v1",
          "neoverse-n2",
          "apple-m1",
          "gem5-arm-default",
          "gem5-x86-default",
          "champsim-default",
          "virtuoso-default",
          "drmemtrace-default");

  private PresetCatalogue() {}

  /** The names of those that ship. */
  public static List<String> names() {
    return NAMES;
  }

  /**
   * Reads a preset: one that ships, or a file if the text names one (it holds a '/' or ends in
   * .yaml or .yml).
   *
   * @throws BadPresetException with a line for the user
   */
  public static Preset load(String nameOrFile) {
    if (NAMES.contains(nameOrFile)) {
      return shipped(nameOrFile);
    }
    if (nameOrFile.contains("/") || nameOrFile.endsWith(".yaml") || nameOrFile.endsWith(".yml")) {
      return PresetReader.read(nameOrFile, text(nameOrFile, file(Path.of(nameOrFile))));
    }
    throw new BadPresetException(
        "unknown TLB preset '%s': choose one of %s, or a file ending in .yaml"
            .formatted(nameOrFile, String.join(", ", NAMES)));
  }

  private static Preset shipped(String name) {
    String resource = FOLDER + name + ".yaml";
    try (InputStream input = PresetCatalogue.class.getResourceAsStream(resource)) {
      if (input == null) {
        throw new IllegalStateException("this build lacks " + resource);
      }
      return PresetReader.read(name + ".yaml", text(name, input.readAllBytes()));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + resource, e);
    }
  }

  private static byte[] file(Path file) {
    if (Files.isDirectory(file)) {
      throw new BadPresetException(file + ": is a directory, a preset file was expected");
    }
    try (InputStream input = Files.newInputStream(file)) {
      byte[] bytes = input.readNBytes(MOST_BYTES + 1);
      if (bytes.length > MOST_BYTES) {
        throw new BadPresetException(file + ": is above %d KiB".formatted(MOST_BYTES >> 10));
      }
      return bytes;
    } catch (NoSuchFileException e) {
      throw new BadPresetException(file + ": no such file", e);
    } catch (IOException e) {
      throw new BadPresetException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private static String text(String file, byte[] bytes) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new BadPresetException(file + ": is not UTF-8 text", e);
    }
  }
}
