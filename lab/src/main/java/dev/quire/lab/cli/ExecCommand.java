package dev.quire.lab.cli;

import dev.quire.bindings.NativeLibraries;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.lab.exec.BadProgramException;
import dev.quire.lab.exec.MissingToolException;
import dev.quire.lab.exec.Preload;
import dev.quire.lab.exec.PrivateService;
import dev.quire.lab.exec.ProgramFile;
import dev.quire.lab.exec.SourceLibrary;
import dev.quire.lab.report.JsonLines;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quire exec}: an unmodified program of /dev/kvm against a private service. */
@Command(
    name = "exec",
    description =
        "Run a program that uses /dev/kvm against a private instance of Quire's KVM service. Its"
            + " exit code is passed on, 128 + N for a death by signal N.")
public final class ExecCommand implements Callable<Integer> {
  private static final Logger SERVICE_LOG = Logger.getLogger("dev.quire.kvm");
  private static final long GRACE_SECONDS = 5;
  private static final long TERMINAL_GRACE_MILLIS = 500;

  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Option(
      names = "--host-kernel",
      paramLabel = "PROFILE",
      defaultValue = "linux-6.18",
      converter = BootCommand.ProfileConverter.class,
      description =
          "Which kernel's KVM answers: linux-6.18, linux-7.1 or rfc-write, each also with"
              + " +memory-attributes (default: ${DEFAULT-VALUE}).")
  KernelProfile hostKernel;

  @Parameters(
      arity = "1..*",
      paramLabel = "PROGRAM [ARG]",
      description = "The program, by path or by name, and its arguments (best behind --).")
  List<String> program;

  ExecCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  /** The command; what follows the program's name is the program's. */
  static CommandLine line(Invocation invocation) {
    return new CommandLine(new ExecCommand(invocation)).setStopAtPositional(true);
  }

  @Override
  public Integer call() throws InterruptedException {
    if (common.jsonOnStandardOutput()) {
      throw CommandFailure.usage(
          "--json - would mix with what the program writes: give --json a file");
    }
    LogLines.install();
    SERVICE_LOG.setLevel(common.debug ? Level.ALL : Level.WARNING);
    try (JsonLines json = common.openJson(invocation)) {
      if (json != null) {
        json.manifest(Build.manifest(invocation, common.seed, config()));
      }
      int exitCode = runUnderService();
      if (json != null) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("status", exitCode == 0 ? "pass" : "fail");
        row.put("reason", "the program ended with exit code " + exitCode);
        row.put("exit_code", exitCode);
        json.row("exit", row);
      }
      return exitCode;
    } catch (BadProgramException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    } catch (MissingToolException e) {
      throw CommandFailure.environment(e.getMessage(), e);
    } catch (IOException e) {
      throw CommandFailure.environment("cannot start the service: " + e.getMessage(), e);
    }
  }

  private Map<String, Object> config() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("command", "exec");
    config.put("program", program);
    config.put("host_kernel", hostKernel.toString());
    return config;
  }

  private int runUnderService() throws IOException, InterruptedException {
    Map<String, String> environment = System.getenv();
    String path = environment.get("PATH");
    ProgramFile file = ProgramFile.find(program.getFirst(), path);
    Path cache = NativeLibraries.cacheFolder(environment).getParent().getParent();
    Preload preload = new Preload(new SourceLibrary(cache, path));
    if (!common.quiet && !preload.isBuilt(file.arch())) {
      invocation.err().println("quire: building the library for LD_PRELOAD (once)");
    }
    try (PrivateService service = PrivateService.start(file.arch(), hostKernel)) {
      List<String> arguments = program.subList(1, program.size());
      ProcessBuilder builder = preload.command(file, arguments, service.socket());
      return run(builder);
    }
  }

  private int run(ProcessBuilder builder) throws InterruptedException {
    invocation.out().flush();
    Process process;
    try {
      process = builder.inheritIO().start();
    } catch (IOException e) {
      throw CommandFailure.usage("cannot run " + program.getFirst() + ": " + e.getMessage(), e);
    }
    try (InterruptGuard _ = new InterruptGuard(() -> end(process))) {
      return process.waitFor();
    }
  }

  /**
   * This process is told to end: so is the program. Ctrl-C on a terminal reaches it without help,
   * and it may need a moment.
   */
  private static void end(Process process) {
    try {
      if (!process.waitFor(TERMINAL_GRACE_MILLIS, TimeUnit.MILLISECONDS)) {
        process.destroy();
        if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly();
        }
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
