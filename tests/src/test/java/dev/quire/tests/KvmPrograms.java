package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.KernelProfile;
import dev.quire.lab.exec.Preload;
import dev.quire.lab.exec.PrivateService;
import dev.quire.lab.exec.ProgramArch;
import dev.quire.lab.exec.ProgramFile;
import dev.quire.lab.exec.SourceLibrary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Programs written in C, compiled where there is a compiler, and run under a private service. */
final class KvmPrograms {
  private static final Path SOURCES = Path.of("src/test/c");
  private static final long LONGEST_SECONDS = 120;

  private final Path folder;
  private final SourceLibrary libraries;

  /** Everything is built below {@code folder}. */
  KvmPrograms(Path folder) {
    this.folder = folder;
    libraries = new SourceLibrary(folder.resolve("cache"), System.getenv("PATH"));
  }

  /**
   * How a program ended.
   *
   * @param exitCode 128 + N for signal N
   * @param out standard output
   * @param err standard error
   */
  record Ending(int exitCode, String out, String err) {
    /** What it wrote, when it went well. */
    String passed() {
      assertThat(exitCode).as(out + err).isZero();
      return out;
    }
  }

  /** Whether this machine compiles programs for an architecture. */
  boolean compiles(ProgramArch arch) {
    return libraries.compiler(arch) != null;
  }

  /** Whether PATH has a program. */
  static boolean isOnPath(String name) {
    for (String folder : System.getenv().getOrDefault("PATH", "").split(":")) {
      if (Files.isExecutable(Path.of(folder, name))) {
        return true;
      }
    }
    return false;
  }

  /** Builds {@code src/test/c/NAME.c}. */
  Path compile(String name, ProgramArch arch) throws IOException, InterruptedException {
    Path program = folder.resolve(name + "-" + arch.title());
    List<String> command =
        List.of(
            libraries.compiler(arch).toString(),
            "-std=gnu11",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-pthread",
            SOURCES.resolve(name + ".c").toString(),
            "-o",
            program.toString());
    Ending compiled = end(new ProcessBuilder(command));
    assertThat(compiled.exitCode()).as(compiled.err()).isZero();
    return program;
  }

  /** Runs a program with the service in the place of /dev/kvm. */
  Ending run(Path program, String... arguments) throws IOException, InterruptedException {
    return run(KernelProfile.LINUX_6_18, program, arguments);
  }

  /** The same with another host kernel. */
  Ending run(KernelProfile kernel, Path program, String... arguments)
      throws IOException, InterruptedException {
    ProgramFile file = ProgramFile.find(program.toString(), System.getenv("PATH"));
    try (PrivateService service = PrivateService.start(file.arch(), kernel)) {
      return run(service, program, arguments);
    }
  }

  /** The same with a service that goes on. */
  Ending run(PrivateService service, Path program, String... arguments)
      throws IOException, InterruptedException {
    ProgramFile file = ProgramFile.find(program.toString(), System.getenv("PATH"));
    return end(new Preload(libraries).command(file, List.of(arguments), service.socket()));
  }

  /** Runs a program as it is. */
  Ending runBare(Path program) throws IOException, InterruptedException {
    return end(new ProcessBuilder(new ArrayList<>(List.of(program.toString()))));
  }

  private Ending end(ProcessBuilder builder) throws IOException, InterruptedException {
    Path out = Files.createTempFile(folder, "out", null);
    Path err = Files.createTempFile(folder, "err", null);
    Process process =
        builder
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    boolean ended = process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS);
    if (!ended) {
      process.destroyForcibly().waitFor();
    }
    assertThat(ended).as("ends in time: " + Files.readString(out) + Files.readString(err)).isTrue();
    return new Ending(process.exitValue(), Files.readString(out), Files.readString(err));
  }
}
