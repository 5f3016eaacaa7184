package dev.quire.lab.cli;

/** Ends a command with one line for the user (what, where, how to mend it) and an exit code. */
public final class CommandFailure extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int exitCode;

  private CommandFailure(int exitCode, String message, Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  /** Bad usage or bad input. */
  public static CommandFailure usage(String message) {
    return new CommandFailure(ExitCode.USAGE, message, null);
  }

  /** Bad input, noticed by a failure further in. */
  public static CommandFailure usage(String message, Throwable cause) {
    return new CommandFailure(ExitCode.USAGE, message, cause);
  }

  /** A guest or a comparison failed. */
  public static CommandFailure failed(String message, Throwable cause) {
    return new CommandFailure(ExitCode.FAILED, message, cause);
  }

  /** Something is missing on this machine. */
  public static CommandFailure environment(String message, Throwable cause) {
    return new CommandFailure(ExitCode.ENVIRONMENT, message, cause);
  }

  public int exitCode() {
    return exitCode;
  }
}
