package dev.quire.lab.exec;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** How a program is started so that its /dev/kvm is the service's. */
public final class Preload {
  private static final String SOCKET_VARIABLE = "QUIRE_KVM_SOCKET";
  private static final String PRELOAD_VARIABLE = "LD_PRELOAD";
  private static final List<String> UNITS =
      List.of(
          "call",
          "connection",
          "convert",
          "descriptors",
          "files",
          "ioctls",
          "loans",
          "mapped",
          "maps",
          "memory",
          "real",
          "report",
          "requests",
          "table",
          "touch",
          "user",
          "userfault");
  private static final List<String> HEADERS = List.of("abi.h", "interpose.h", "wire.h");
  private static final List<String> MORE =
      List.of("interpose_descriptor.c", "interpose_memory.c", "interpose_open.c", "run.c");

  /** The library for LD_PRELOAD. */
  public static final SourceLibrary.Recipe RECIPE =
      new SourceLibrary.Recipe(
          "libquire-kvm.so",
          "/dev/quire/kvm/preload",
          sources(),
          List.of(
              "-std=c11",
              "-O2",
              "-U_FORTIFY_SOURCE",
              "-fno-delete-null-pointer-checks",
              "-fPIC",
              "-fvisibility=hidden",
              "-shared",
              "-pthread",
              "-ldl"));

  private final SourceLibrary sources;

  /** Builds by {@code sources} what is not built yet. */
  public Preload(SourceLibrary sources) {
    this.sources = sources;
  }

  private static List<String> sources() {
    List<String> all = new ArrayList<>();
    for (String unit : UNITS) {
      all.add(unit + ".c");
      all.add(unit + ".h");
    }
    all.addAll(HEADERS);
    all.addAll(MORE);
    return List.copyOf(all);
  }

  /** Whether the first program of this architecture has to wait for a compiler. */
  public boolean isBuilt(ProgramArch arch) {
    return sources.isBuilt(RECIPE, arch);
  }

  /**
   * The command and environment that run a program under the service.
   *
   * @param socket the service's
   * @throws MissingToolException no compiler, no usable cache folder, or no emulator for another
   *     architecture's programs
   */
  public ProcessBuilder command(ProgramFile program, List<String> arguments, Path socket) {
    Path library = sources.build(RECIPE, program.arch());
    if (library.toString().indexOf(' ') >= 0 || library.toString().indexOf(':') >= 0) {
      throw new MissingToolException(
          "LD_PRELOAD takes no path with a space or colon, as "
              + library
              + " has: set QUIRE_CACHE to another folder");
    }
    List<String> command = new ArrayList<>();
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> environment = builder.environment();
    if (program.arch().isNative()) {
      environment.put(SOCKET_VARIABLE, socket.toString());
      environment.merge(
          PRELOAD_VARIABLE, library.toString(), (before, ours) -> ours + ":" + before);
    } else {
      command.addAll(emulated(program.arch(), library, socket));
    }
    command.add(program.path().toString());
    command.addAll(arguments);
    return builder;
  }

  /** QEMU's own process must not load a library of another architecture: -E is for its program. */
  private List<String> emulated(ProgramArch arch, Path library, Path socket) {
    Path emulator = sources.onPath(arch.emulator());
    if (emulator == null) {
      throw new MissingToolException(
          arch.emulator()
              + " is needed to run "
              + arch.title()
              + " programs here: install qemu-user (or your system's package of it)");
    }
    List<String> command = new ArrayList<>();
    command.add(emulator.toString());
    command.addAll(List.of("-E", SOCKET_VARIABLE + "=" + socket));
    command.addAll(List.of("-E", PRELOAD_VARIABLE + "=" + library));
    if (Files.isDirectory(Path.of(arch.crossRoot()))) {
      command.addAll(List.of("-L", arch.crossRoot()));
    }
    return command;
  }
}
