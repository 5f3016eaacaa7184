package dev.quire.lab.exec;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Builds what Quire carries as C sources with the machine's compiler, once: the result lies in the
 * cache folder under a name made of its sources and its command. Two processes may build the same
 * at once.
 */
public final class SourceLibrary {
  private static final int KEY_CHARACTERS = 16;
  private static final int LONGEST_MINUTES = 3;
  private static final List<String> COMPILERS = List.of("cc", "gcc", "clang");

  private final Path cacheFolder;
  private final String searchPath;

  /**
   * @param cacheFolder Quire's; made if it is not there
   * @param searchPath PATH, where compilers are looked for; may be null
   */
  public SourceLibrary(Path cacheFolder, String searchPath) {
    this.cacheFolder = cacheFolder;
    this.searchPath = searchPath;
  }

  /**
   * Something to build.
   *
   * @param name of the result's file
   * @param folder of the resources
   * @param sources resources in it, headers included
   * @param options of the compiler
   */
  public record Recipe(String name, String folder, List<String> sources, List<String> options) {}

  /** The compiler for an architecture's programs, or null if this machine has none. */
  public Path compiler(ProgramArch arch) {
    for (String name : arch.isNative() ? COMPILERS : List.of(arch.crossCompiler())) {
      Path found = onPath(name);
      if (found != null) {
        return found;
      }
    }
    return null;
  }

  /** A program of PATH, or null. */
  Path onPath(String name) {
    for (String folder : (searchPath == null ? "" : searchPath).split(":", -1)) {
      Path path = Path.of(folder.isEmpty() ? "." : folder, name);
      if (Files.isRegularFile(path) && Files.isExecutable(path)) {
        return path;
      }
    }
    return null;
  }

  /** Whether {@link #build} would find it built. */
  public boolean isBuilt(Recipe recipe, ProgramArch arch) {
    Path compiler = compiler(arch);
    return compiler != null && Files.exists(target(recipe, arch, compiler));
  }

  /**
   * The built file.
   *
   * @throws MissingToolException no compiler, or it fails
   */
  public Path build(Recipe recipe, ProgramArch arch) {
    Path compiler = compiler(arch);
    if (compiler == null) {
      throw new MissingToolException(
          "a C compiler is needed once to build "
              + recipe.name()
              + " for "
              + arch.title()
              + ": "
              + (arch.isNative()
                  ? "install gcc and libc6-dev (or your system's packages)"
                  : "install "
                      + arch.crossCompiler().replace("-gcc", "").replaceFirst("^", "gcc-")
                      + " (or your system's package of "
                      + arch.crossCompiler()
                      + ")"));
    }
    Path target = target(recipe, arch, compiler);
    if (!Files.exists(target)) {
      try {
        compile(recipe, compiler, target);
      } catch (IOException e) {
        throw new MissingToolException(
            "cannot build "
                + target
                + ": "
                + e.getMessage()
                + " (QUIRE_CACHE names another folder)",
            e);
      }
    }
    return target;
  }

  private Path target(Recipe recipe, ProgramArch arch, Path compiler) {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
    digest.update((compiler + " " + recipe.options()).getBytes(StandardCharsets.UTF_8));
    for (String source : recipe.sources()) {
      digest.update(read(recipe, source));
    }
    String key = HexFormat.of().formatHex(digest.digest()).substring(0, KEY_CHARACTERS);
    return cacheFolder.resolve("preload").resolve(arch.title() + "-" + key).resolve(recipe.name());
  }

  private static byte[] read(Recipe recipe, String source) {
    try (InputStream file =
        SourceLibrary.class.getResourceAsStream(recipe.folder() + "/" + source)) {
      if (file == null) {
        throw new IllegalStateException("no resource " + recipe.folder() + "/" + source);
      }
      return file.readAllBytes();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void compile(Recipe recipe, Path compiler, Path target) throws IOException {
    Path folder = Files.createDirectories(target.getParent());
    Path work = Files.createTempDirectory(folder, "build");
    try {
      List<String> command = new ArrayList<>();
      command.add(compiler.toString());
      for (String source : recipe.sources()) {
        Files.write(work.resolve(source), read(recipe, source));
        if (source.endsWith(".c")) {
          command.add(source);
        }
      }
      command.addAll(List.of("-o", recipe.name()));
      command.addAll(recipe.options());
      run(command, work, recipe.name());
      move(work.resolve(recipe.name()), target);
    } finally {
      try (Stream<Path> files = Files.walk(work)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(file);
        }
      }
    }
  }

  private static void move(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private static void run(List<String> command, Path folder, String name) throws IOException {
    Path log = folder.resolve("log");
    Process process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    try {
      if (!process.waitFor(LONGEST_MINUTES, TimeUnit.MINUTES)) {
        process.destroyForcibly();
        throw new MissingToolException(command.getFirst() + " does not finish building " + name);
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new MissingToolException("interrupted while building " + name, e);
    }
    if (process.exitValue() != 0) {
      String first =
          Files.readString(log).lines().filter(l -> l.contains("error")).findFirst().orElse("");
      throw new MissingToolException(
          command.getFirst()
              + " cannot build "
              + name
              + (first.isEmpty() ? "" : " (" + first + ")")
              + ": is the C library's development package (libc6-dev) installed?");
    }
  }
}
