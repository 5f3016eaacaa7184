package dev.quire.lab.cli;

import dev.quire.kernel.mm.KernelProfile;
import picocli.CommandLine.Command;

/** {@code quire mm replay}: scripts of memory operations. */
@Command(
    name = "replay",
    description = "Replay golden scripts on the modelled kernel and compare what it answers.",
    footer =
        "%nFILE holds scripts of memory operations and what a real kernel answered"
            + " (docs/GOLDENS.md). Ends with 1 if a case differs, with 2 if a file or a case"
            + " cannot be used; every case is tried either way.")
public final class MmReplayCommand extends ReplayCommand {
  MmReplayCommand(Invocation invocation) {
    super(invocation);
  }

  @Override
  String name() {
    return "mm replay";
  }

  @Override
  KernelProfile profile() {
    return KernelProfile.LINUX_6_18;
  }
}
