package dev.quire.lab.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code quire kvm}: the KVM service by itself. */
@Command(
    name = "kvm",
    description = "The KVM service without a client.",
    synopsisSubcommandLabel = "COMMAND")
public final class KvmCommand implements Runnable {
  @Spec CommandSpec spec;

  @Mixin CommonOptions common;

  /** The command with its subcommands. */
  static CommandLine line(Invocation invocation) {
    return new CommandLine(new KvmCommand()).addSubcommand(new KvmReplayCommand(invocation));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "'kvm' needs a command: kvm replay FILE...");
  }
}
