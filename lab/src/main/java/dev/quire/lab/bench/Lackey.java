package dev.quire.lab.bench;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The stream kernels as a Linux program under Valgrind's {@code lackey --trace-mem=yes}: how such
 * studies get their accesses elsewhere. What it prints is thrown away.
 */
final class Lackey implements AutoCloseable {
  private static final String SOURCE = "stream.c";
  private static final long BYTES = 3 << 20;
  private static final int FEWER = 1;
  private static final int MORE = 3;

  /** Each kernel's loads and stores of an element: 2, 2, 3, 3. */
  private static final long ACCESSES_AN_ELEMENT = 10;

  private static final long BYTES_AN_ELEMENT = 3 * Double.BYTES;

  private final Path folder;

  private Lackey(Path folder) {
    this.folder = folder;
  }

  /** Whether Valgrind and a C compiler are on the path and processor time can be told. */
  static boolean installed() {
    return CpuTime.knowsChildren() && isOnPath("valgrind") && isOnPath("cc");
  }

  private static boolean isOnPath(String program) {
    for (String folder : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1)) {
      if (Files.isExecutable(Path.of(folder, program))) {
        return true;
      }
    }
    return false;
  }

  /** Compiles the program. */
  static Lackey open() {
    try (InputStream source = Lackey.class.getResourceAsStream("/dev/quire/lab/bench/" + SOURCE)) {
      if (source == null) {
        throw new IllegalStateException("this build lacks " + SOURCE);
      }
      Lackey lackey = new Lackey(Files.createTempDirectory("quire-lackey"));
      Files.write(lackey.folder.resolve(SOURCE), source.readAllBytes());
      ChildProcess.wallNanos(
          0,
          "cc",
          "-O2",
          "-fno-tree-vectorize",
          "-fno-tree-loop-distribute-patterns",
          "-o",
          lackey.program(),
          lackey.folder.resolve(SOURCE).toString());
      return lackey;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write a temporary file", e);
    }
  }

  private String program() {
    return folder.resolve("stream").toString();
  }

  /** Processor time of one access, start and end of the program left out. */
  double nanosAnAccess() {
    long accesses = (MORE - FEWER) * (BYTES / BYTES_AN_ELEMENT) * ACCESSES_AN_ELEMENT;
    return (double) (cpuNanos(MORE) - cpuNanos(FEWER)) / accesses;
  }

  private long cpuNanos(int iterations) {
    long start = CpuTime.children();
    ChildProcess.wallNanos(
        0,
        "valgrind",
        "--tool=lackey",
        "--trace-mem=yes",
        program(),
        Long.toString(BYTES),
        Integer.toString(iterations));
    return CpuTime.children() - start;
  }

  @Override
  public void close() {
    try {
      Files.deleteIfExists(Path.of(program()));
      Files.deleteIfExists(folder.resolve(SOURCE));
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot delete " + folder, e);
    }
  }
}
