package dev.quire.lab.cli;

import dev.quire.kernel.mm.KernelProfile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * {@code quire kvm replay}: scripts of KVM calls, on the service that {@code quire serve} offers.
 */
@Command(
    name = "replay",
    description = "Replay golden scripts of KVM calls and compare what the service answers.",
    footer =
        "%nFILE holds scripts of KVM calls and what a real kernel answered (docs/GOLDENS.md)."
            + " Ends with 1 if a case differs, with 2 if a file or a case cannot be used; every"
            + " case is tried either way. Cases recorded of their host alone (backend_specific)"
            + " are run and told apart, but need not agree.")
public final class KvmReplayCommand extends ReplayCommand {
  @Option(
      names = "--host-kernel",
      paramLabel = "PROFILE",
      defaultValue = "linux-6.18",
      converter = BootCommand.ProfileConverter.class,
      description =
          "Which kernel the host runs: linux-6.18, linux-7.1 or rfc-write, each also with"
              + " +memory-attributes (default: ${DEFAULT-VALUE}).")
  KernelProfile hostKernel;

  KvmReplayCommand(Invocation invocation) {
    super(invocation);
  }

  @Override
  String name() {
    return "kvm replay";
  }

  @Override
  KernelProfile profile() {
    return hostKernel;
  }
}
