package dev.quire.lab.cli;

/** The exit codes that scripts may rely on. */
public final class ExitCode {
  public static final int DONE = 0;

  /** The guest or the comparison failed. */
  public static final int FAILED = 1;

  /** Bad usage or bad input. */
  public static final int USAGE = 2;

  /** The environment lacks something. */
  public static final int ENVIRONMENT = 3;

  /** A time or instruction limit ran out. */
  public static final int LIMIT = 124;

  /** Interrupted, as by Ctrl-C. */
  public static final int INTERRUPTED = 130;

  private ExitCode() {}
}
