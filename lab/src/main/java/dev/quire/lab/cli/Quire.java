package dev.quire.lab.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The entry point: {@code quire COMMAND}. */
public final class Quire {
  private static final Map<String, Function<Invocation, Object>> COMMANDS = new LinkedHashMap<>();

  static {
    COMMANDS.put("doctor", DoctorCommand::new);
    COMMANDS.put("images", ImagesCommand::new);
    COMMANDS.put("boot", BootCommand::new);
    COMMANDS.put("tlb", TlbCommand::new);
    COMMANDS.put("tlb-presets", TlbPresetsCommand::new);
    COMMANDS.put("mm", Quire::mm);
    COMMANDS.put("kvm", Quire::kvm);
    COMMANDS.put("reproduce", ReproduceCommand::new);
    COMMANDS.put("sweep", SweepCommand::withMerge);
    COMMANDS.put("snapshot", SnapshotCommand::new);
    COMMANDS.put("restore", RestoreCommand::new);
    COMMANDS.put("exec", ExecCommand::line);
    COMMANDS.put("serve", ServeCommand::new);
    COMMANDS.put("bench", BenchCommand::line);
    COMMANDS.put("warm-up", WarmUpCommand::new);
  }

  private Quire() {}

  private static CommandLine mm(Invocation invocation) {
    return CommandGroup.of(
        "mm",
        "The modelled host kernel without a guest.",
        "mm replay FILE...",
        new MmReplayCommand(invocation));
  }

  private static CommandLine kvm(Invocation invocation) {
    return CommandGroup.of(
        "kvm",
        "The KVM service without a client.",
        "kvm replay FILE...",
        new KvmReplayCommand(invocation));
  }

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    String terminal = System.getProperty("quire.terminal", "");
    String launcher = System.getProperty("quire.launcher");
    PrintStream out =
        new PrintStream(
            new BufferedOutputStream(new FileOutputStream(FileDescriptor.out)),
            false,
            StandardCharsets.UTF_8);
    Invocation invocation =
        new Invocation(
            out,
            System.err,
            terminal.contains("out"),
            terminal.contains("err"),
            System.getenv("NO_COLOR") == null,
            System.getProperty("quire.commit", "unknown"),
            launcher == null ? null : Path.of(launcher),
            new MachineRunner());
    ChildCommand.endWithParent();
    int exitCode = run(args, invocation);
    out.flush();
    InterruptGuard.commandDone();
    System.exit(exitCode);
  }

  /** Runs one command; never throws. */
  static int run(String[] args, Invocation invocation) {
    CommandLine line = commandLine(args, invocation);
    if (args.length == 0) {
      line.usage(invocation.err());
      return ExitCode.USAGE;
    }
    return line.execute(args);
  }

  /** Written out: reading these annotations would cost every start ten milliseconds. */
  private static CommandSpec spec() {
    CommandSpec spec = CommandSpec.create().name("quire");
    spec.usageMessage()
        .description("Boots guests and shows what their virtual memory did.")
        .synopsisSubcommandLabel("COMMAND");
    spec.addOption(
        OptionSpec.builder("-h", "--help")
            .type(boolean.class)
            .usageHelp(true)
            .description("Show this help.")
            .build());
    spec.addOption(
        OptionSpec.builder("-V", "--version")
            .type(boolean.class)
            .versionHelp(true)
            .description("Show the version.")
            .build());
    return spec.versionProvider(() -> new String[] {"quire " + Build.version()});
  }

  private static boolean isVersion(String argument) {
    return argument.equals("--version") || argument.equals("-V");
  }

  private static CommandLine commandLine(String[] args, Invocation invocation) {
    CommandLine line = new CommandLine(spec());
    // Reading one command's annotations takes milliseconds: only help and mistakes need them all.
    boolean known = args.length > 0 && (COMMANDS.containsKey(args[0]) || isVersion(args[0]));
    for (Map.Entry<String, Function<Invocation, Object>> command : COMMANDS.entrySet()) {
      if (!known || command.getKey().equals(args[0])) {
        line.addSubcommand(command.getValue().apply(invocation));
      }
    }
    line.setOut(new PrintWriter(invocation.out(), true, StandardCharsets.UTF_8));
    line.setErr(new PrintWriter(invocation.err(), true, StandardCharsets.UTF_8));
    boolean colours = invocation.outIsTerminal() && invocation.colours();
    line.setColorScheme(CommandLine.Help.defaultColorScheme(colours ? Ansi.ON : Ansi.OFF));
    line.setParameterExceptionHandler(new ErrorLines(invocation));
    line.setExecutionExceptionHandler(new ErrorLines(invocation));
    return line;
  }
}
