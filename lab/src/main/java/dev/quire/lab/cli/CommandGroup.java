package dev.quire.lab.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A command that only leads to another one, as {@code quire mm} and {@code quire kvm} do. */
@Command(synopsisSubcommandLabel = "COMMAND")
final class CommandGroup implements Runnable {
  private final String usage;

  @Spec CommandSpec spec;

  @Mixin CommonOptions common;

  private CommandGroup(String usage) {
    this.usage = usage;
  }

  /**
   * @param usage what to type instead of the group's name alone
   */
  static CommandLine of(String name, String description, String usage, Object command) {
    CommandLine line = new CommandLine(new CommandGroup(usage)).setCommandName(name);
    line.getCommandSpec().usageMessage().description(description);
    return line.addSubcommand(command);
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(), "'%s' needs a command: %s".formatted(spec.name(), usage));
  }
}
