package dev.quire.lab.cli;

import dev.quire.lab.report.AtomicFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files that a command writes at its end, {@code --report} above all. */
final class ReportFile {
  private ReportFile() {}

  /** Refuses, before anything runs, a file that could not be written afterwards; null is fine. */
  static void check(Path file) {
    if (file != null) {
      check(file, "--report " + file);
    }
  }

  /**
   * As above for another file.
   *
   * @param name what to call it
   */
  static void check(Path file, String name) {
    Path folder = file.toAbsolutePath().getParent();
    if (Files.isDirectory(file)) {
      throw CommandFailure.usage("cannot write " + name + ": it is a folder");
    }
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      return;
    }
    if (folder == null || !Files.isDirectory(folder)) {
      throw CommandFailure.usage(
          "cannot write " + name + ": there is no folder " + folder + ", make it first");
    }
    if (!Files.isWritable(folder)) {
      throw CommandFailure.usage(
          "cannot write " + name + ": the folder " + folder + " cannot be written");
    }
  }

  static void write(Path file, String html) {
    try {
      AtomicFile.write(file, html.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw CommandFailure.usage("cannot write --report " + file + ": " + e.getMessage(), e);
    }
  }
}
