package dev.quire.lab.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * A guest that was asked for: a built-in one by name, or any file.
 *
 * @param bytes all of it
 * @param image null for a file
 */
record GuestFile(byte[] bytes, GuestImage image) {
  private static final long LARGEST = 1L << 30;

  /** Opens by name first, then as a file; {@link CommandFailure} if it is neither. */
  static GuestFile open(String guest) {
    GuestCatalogue catalogue = GuestCatalogue.builtIn();
    GuestImage image = catalogue.find(guest);
    if (image != null) {
      return new GuestFile(catalogue.bytes(image), image);
    }
    if (looksLikeName(guest)) {
      String nearest = catalogue.nearest(guest);
      throw CommandFailure.usage(
          "unknown guest '"
              + guest
              + "': neither a built-in guest nor a file"
              + (nearest == null ? "" : "; did you mean " + nearest + "?")
              + " ('quire images' lists the built-in ones)");
    }
    return new GuestFile(read(guest, "guest"), null);
  }

  private static boolean looksLikeName(String guest) {
    try {
      return !guest.contains("/") && !Files.exists(Path.of(guest));
    } catch (InvalidPathException e) {
      return true;
    }
  }

  /** Reads a file that the user named; {@link CommandFailure} tells what is wrong with it. */
  static byte[] read(String name, String role) {
    try {
      Path path = Path.of(name);
      if (Files.isDirectory(path)) {
        throw CommandFailure.usage(role + " " + name + " is a folder, not a file");
      }
      if (Files.isRegularFile(path) && Files.size(path) > LARGEST) {
        throw CommandFailure.usage(role + " " + name + " is larger than 1 GiB");
      }
      return Files.readAllBytes(path);
    } catch (NoSuchFileException | InvalidPathException e) {
      throw CommandFailure.usage(role + " " + name + ": there is no such file", e);
    } catch (IOException e) {
      throw CommandFailure.usage(role + " " + name + " cannot be read: " + e.getMessage(), e);
    }
  }
}
