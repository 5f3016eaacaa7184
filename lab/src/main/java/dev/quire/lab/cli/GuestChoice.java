package dev.quire.lab.cli;

import dev.quire.emulator.boot.GuestFile;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/**
 * A guest that was asked for: a built-in one by name, or any file.
 *
 * @param file its bytes
 * @param image null for a file
 */
record GuestChoice(GuestFile file, GuestImage image) {
  /** By name first, then as a file; a failure with one line for the user if it is neither. */
  static GuestChoice of(String guest) {
    GuestCatalogue catalogue = GuestCatalogue.builtIn();
    GuestImage image = catalogue.find(guest);
    if (image != null) {
      return new GuestChoice(new GuestFile(guest, catalogue.bytes(image)), image);
    }
    if (!guest.contains("/") && !Files.exists(path(guest))) {
      String nearest = catalogue.nearest(guest);
      throw CommandFailure.usage(
          "unknown guest '"
              + guest
              + "': neither a built-in guest nor a file"
              + (nearest == null ? "" : "; did you mean " + nearest + "?")
              + " ('quire images' lists the built-in ones)");
    }
    return new GuestChoice(GuestFile.read(path(guest)), null);
  }

  /** The path of that name. */
  static Path path(String name) {
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      throw CommandFailure.usage("'" + name + "' is not a path: " + e.getReason(), e);
    }
  }
}
