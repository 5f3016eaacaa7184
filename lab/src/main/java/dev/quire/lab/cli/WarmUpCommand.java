package dev.quire.lab.cli;

import java.io.OutputStream;
import java.io.PrintStream;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/**
 * What the launcher trains the start-up cache with: the usual commands, their output thrown away.
 * Fails when one of them does, so that no cache is made of a broken build.
 */
@Command(name = "warm-up", hidden = true)
public final class WarmUpCommand implements Callable<Integer> {
  private static final String[][] COMMANDS = {
    {"boot", "hello-x86_64"}, {"boot", "hello-arm64", "--json", "-"}, {"boot", "no-such-guest"},
  };

  private final Invocation invocation;

  WarmUpCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public Integer call() {
    PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream());
    Invocation silent =
        new Invocation(
            nowhere, nowhere, false, false, false, invocation.commit(), null, invocation.runner());
    for (String[] command : COMMANDS) {
      int exitCode = Quire.run(command, silent);
      if (exitCode > ExitCode.USAGE) {
        return exitCode;
      }
    }
    return ExitCode.DONE;
  }
}
