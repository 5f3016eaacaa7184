package dev.quire.lab.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Option;

/** The entry point: {@code quire COMMAND}. */
@Command(
    name = "quire",
    description = "Boots guests and shows what their virtual memory did.",
    synopsisSubcommandLabel = "COMMAND")
public final class Quire {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version.")
  boolean version;

  private Quire() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    String terminal = System.getProperty("quire.terminal", "");
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
            new MachineRunner());
    int exitCode = run(args, invocation);
    out.flush();
    System.exit(exitCode);
  }

  /** Runs one command; never throws. */
  static int run(String[] args, Invocation invocation) {
    CommandLine line = commandLine(invocation);
    if (args.length == 0) {
      line.usage(invocation.err());
      return ExitCode.USAGE;
    }
    return line.execute(args);
  }

  private static CommandLine commandLine(Invocation invocation) {
    CommandLine line = new CommandLine(new Quire());
    line.addSubcommand(new DoctorCommand(invocation))
        .addSubcommand(new ImagesCommand(invocation))
        .addSubcommand(new BootCommand(invocation))
        .addSubcommand(new WarmUpCommand(invocation));
    line.getCommandSpec().versionProvider(() -> new String[] {"quire " + Build.version()});
    line.setOut(new PrintWriter(invocation.out(), true, StandardCharsets.UTF_8));
    line.setErr(new PrintWriter(invocation.err(), true, StandardCharsets.UTF_8));
    boolean colours = invocation.outIsTerminal() && invocation.colours();
    line.setColorScheme(CommandLine.Help.defaultColorScheme(colours ? Ansi.ON : Ansi.OFF));
    line.setParameterExceptionHandler(new ErrorLines(invocation));
    line.setExecutionExceptionHandler(new ErrorLines(invocation));
    return line;
  }
}
