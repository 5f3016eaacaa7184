package dev.quire.lab.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code quire mm}: the modelled host kernel by itself. */
@Command(
    name = "mm",
    description = "The modelled host kernel without a guest.",
    synopsisSubcommandLabel = "COMMAND")
public final class MmCommand implements Runnable {
  @Spec CommandSpec spec;

  @Mixin CommonOptions common;

  /** The command with its subcommands. */
  static CommandLine line(Invocation invocation) {
    return new CommandLine(new MmCommand()).addSubcommand(new MmReplayCommand(invocation));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "'mm' needs a command: mm replay FILE...");
  }
}
