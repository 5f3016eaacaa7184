package dev.quire.lab.bench;

import dev.quire.bindings.NativeLibraries;
import dev.quire.lab.exec.Preload;
import dev.quire.lab.exec.ProgramArch;
import dev.quire.lab.exec.ProgramFile;
import dev.quire.lab.exec.SourceLibrary;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * An unmodified C program of /dev/kvm on x86-64 that runs under the preload library, measures, and
 * prints figures with blanks between them.
 */
final class KvmProgram {
  private final String name;
  private final Preload preload;
  private final ProgramFile program;

  /**
   * Builds library and program in the cache folder, unless they are there.
   *
   * @param name of the program; its source is the resource beside this class
   */
  KvmProgram(String name) {
    this.name = name;
    String path = System.getenv("PATH");
    Path cache = NativeLibraries.cacheFolder(System.getenv()).getParent().getParent();
    SourceLibrary sources = new SourceLibrary(cache, path);
    preload = new Preload(sources);
    SourceLibrary.Recipe recipe =
        new SourceLibrary.Recipe(
            name, "/dev/quire/lab/bench", List.of(name + ".c"), List.of("-O2", "-pthread"));
    program = ProgramFile.find(sources.build(recipe, ProgramArch.X86_64).toString(), path);
  }

  /**
   * What the program prints for so many rounds.
   *
   * @throws IllegalStateException if it ends with an error
   */
  double[] figures(Path socket, int rounds) {
    try {
      Process process =
          preload
              .command(program, List.of(Integer.toString(rounds)), socket)
              .redirectErrorStream(true)
              .start();
      String text;
      try (InputStream out = process.getInputStream()) {
        text = new String(out.readAllBytes(), StandardCharsets.UTF_8).strip();
      }
      if (process.waitFor() != 0) {
        throw new IllegalStateException(name + ": " + text);
      }
      return Arrays.stream(text.split(" ")).mapToDouble(Double::parseDouble).toArray();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot run " + name, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
