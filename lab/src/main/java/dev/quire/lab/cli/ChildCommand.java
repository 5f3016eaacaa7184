package dev.quire.lab.cli;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How this program starts itself again: the same JVM with the same options, past the launcher,
 * which might rebuild a changed source in the middle.
 */
final class ChildCommand {
  private static final String PARENT = "quire.parent";
  private static final String TERMINAL = "-Dquire.terminal=";

  private ChildCommand() {}

  /** The command up to the name of Quire's command. */
  static List<String> prefix() {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      // A debugger's port and a training run's output are for one process only.
      boolean once = option.startsWith("-agentlib") || option.startsWith("-XX:AOTCacheOutput");
      if (!once && !option.startsWith(TERMINAL)) {
        command.add(option);
      }
    }
    command.add(TERMINAL);
    command.add("-D" + PARENT + "=" + ProcessHandle.current().pid());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Quire.class.getName()));
    return command;
  }

  /** Lets a process that another one started this way not outlive it, even if that is killed. */
  static void endWithParent() {
    String parent = System.getProperty(PARENT);
    if (parent != null) {
      Optional<ProcessHandle> handle = ProcessHandle.of(Long.parseLong(parent));
      if (handle.isEmpty()) {
        Runtime.getRuntime().halt(ExitCode.INTERRUPTED);
      }
      handle.get().onExit().thenRun(() -> Runtime.getRuntime().halt(ExitCode.INTERRUPTED));
    }
  }
}
