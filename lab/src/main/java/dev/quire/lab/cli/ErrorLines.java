package dev.quire.lab.cli;

import dev.quire.bindings.NativeLibraryException;
import dev.quire.emulator.boot.BadGuestException;
import dev.quire.lab.sweep.BadSweepException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns every failure into one line and an exit code; a stack trace only for {@code --debug}. */
final class ErrorLines implements IParameterExceptionHandler, IExecutionExceptionHandler {
  /** Options of {@code boot} in the command line's contract that this version does not have. */
  private static final List<String> NOT_YET_OF_BOOT = List.of("--report", "--trace", "--gdb");

  /** What a file or a handler said may be part of a message, and would reach the terminal. */
  private static final Pattern CONTROL = Pattern.compile("\\p{Cntrl}");

  private final Invocation invocation;

  ErrorLines(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public int handleParseException(ParameterException failure, String[] args) {
    CommandLine command = failure.getCommandLine();
    String message =
        firstLine(failure)
            .replaceFirst("' is not an? (int|long)$", "' is not a whole number")
            .replaceFirst("' is not a double$", "' is not a number");
    if (failure instanceof UnmatchedArgumentException unmatched) {
      message = unmatched(unmatched, command);
    }
    String name = command.getCommandSpec().qualifiedName();
    say(name, message + "; see '" + name + " --help'");
    debug(failure, args);
    return ExitCode.USAGE;
  }

  private static String unmatched(UnmatchedArgumentException failure, CommandLine command) {
    String argument = failure.getUnmatched().getFirst();
    String name = argument.contains("=") ? argument.substring(0, argument.indexOf('=')) : argument;
    if (command.getCommandName().equals("boot") && NOT_YET_OF_BOOT.contains(name)) {
      return "'" + name + "' is not available in this version of Quire";
    }
    boolean option = name.startsWith("-");
    Map<String, Object> known = new TreeMap<>();
    if (option) {
      known.putAll(command.getCommandSpec().optionsMap());
    } else {
      known.putAll(command.getSubcommands());
    }
    String nearest = Nearest.to(name, known.keySet());
    String kind = option ? "option" : command.getParent() == null ? "command" : "argument";
    return "unknown "
        + kind
        + " '"
        + name
        + "'"
        + (nearest == null ? "" : ", did you mean " + nearest + "?");
  }

  @Override
  public int handleExecutionException(Exception failure, CommandLine command, ParseResult result) {
    String name = command.getCommandSpec().qualifiedName();
    int exitCode;
    switch (failure) {
      case CommandFailure expected -> {
        say(name, firstLine(expected));
        exitCode = expected.exitCode();
      }
      case BadGuestException refused -> {
        say(name, firstLine(refused));
        exitCode = ExitCode.USAGE;
      }
      case BadSweepException refused -> {
        say(name, firstLine(refused));
        exitCode = ExitCode.USAGE;
      }
      case UncheckedIOException io -> {
        say(name, firstLine(io) + ": " + io.getCause().getMessage());
        exitCode = ExitCode.USAGE;
      }
      case NativeLibraryException missing -> {
        say(name, firstLine(missing));
        exitCode = ExitCode.ENVIRONMENT;
      }
      default -> {
        say(
            name,
            "internal error, please report it: " + oneLine(failure) + " (--debug shows where)");
        exitCode = ExitCode.FAILED;
      }
    }
    debug(failure, result.originalArgs().toArray(new String[0]));
    return exitCode;
  }

  private void say(String command, String message) {
    invocation.out().flush();
    invocation.err().println(command + ": " + CONTROL.matcher(message).replaceAll("?"));
  }

  private void debug(Exception failure, String[] args) {
    List<String> given = Arrays.asList(args);
    int end = given.indexOf("--");
    if ((end < 0 ? given : given.subList(0, end)).contains("--debug")) {
      failure.printStackTrace(invocation.err());
    }
  }

  private static String oneLine(Exception failure) {
    return failure.toString().lines().findFirst().orElseThrow();
  }

  private static String firstLine(Exception failure) {
    String message = String.valueOf(failure.getMessage());
    int end = message.indexOf('\n');
    return end < 0 ? message : message.substring(0, end).stripTrailing();
  }
}
