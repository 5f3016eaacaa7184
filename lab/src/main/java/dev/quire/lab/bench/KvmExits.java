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
import java.util.List;

/**
 * An unmodified C program of /dev/kvm, under the preload library, whose guest leaves KVM_RUN by a
 * port again and again.
 */
final class KvmExits {
  private static final SourceLibrary.Recipe PROGRAM =
      new SourceLibrary.Recipe(
          "kvm_exits", "/dev/quire/lab/bench", List.of("kvm_exits.c"), List.of("-O2"));

  private final Preload preload;
  private final ProgramFile program;

  /** Builds library and program in the cache folder, unless they are there. */
  KvmExits() {
    String path = System.getenv("PATH");
    Path cache = NativeLibraries.cacheFolder(System.getenv()).getParent().getParent();
    SourceLibrary sources = new SourceLibrary(cache, path);
    preload = new Preload(sources);
    program = ProgramFile.find(sources.build(PROGRAM, ProgramArch.X86_64).toString(), path);
  }

  /** Nanoseconds of one exit and re-entry. */
  double nanos(Path socket, int rounds) {
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
        throw new IllegalStateException("kvm_exits: " + text);
      }
      return Double.parseDouble(text);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot run kvm_exits", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
