package dev.quire.lab.cli;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.kernel.kvm.HostEventPlan;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.lab.cli.GuestRunner.GuestRun;
import dev.quire.lab.preset.Preset;
import dev.quire.lab.report.JsonLines;
import dev.quire.lab.report.RunOutcome;
import dev.quire.lab.report.SummaryText;
import dev.quire.mmu.tlb.TlbGeometry;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code quire boot}: boots one guest, shows its console, then what the run came to. */
@Command(
    name = "boot",
    description = "Boot a guest, show its console, then a summary of what its memory did.",
    footer =
        "%nGUEST is the name of a built-in guest (quire images lists them) or a file: an ELF, a"
            + " multiboot ELF, a bzImage or an arm64 Image. What follows -- is added to the guest's"
            + " command line.")
public final class BootCommand implements Callable<Integer> {
  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Mixin GuestOptions guest;

  @Option(
      names = "--host-pages",
      paramLabel = "POLICY",
      defaultValue = "4k",
      converter = PolicyConverter.class,
      description =
          "How the host backs guest memory: 4k, thp, mthp-16k to mthp-1024k, mthp-all, hugetlb-2m,"
              + " hugetlb-1g, gmem, shmem; arm64 also behind 16k: or 64k:, and with +contpte"
              + " (default: ${DEFAULT-VALUE}).")
  HostPagePolicy hostPages;

  @Option(
      names = "--host-kernel",
      paramLabel = "PROFILE",
      defaultValue = "linux-6.18",
      converter = ProfileConverter.class,
      description =
          "Which kernel the host runs: linux-6.18, linux-7.1 or rfc-write, each also with"
              + " +memory-attributes (default: ${DEFAULT-VALUE}).")
  KernelProfile hostKernel;

  @Option(
      names = "--fragmentation",
      paramLabel = "F",
      defaultValue = "0",
      description =
          "Probability that the host has no folio of an order and takes smaller ones, 0 to 1"
              + " (default: ${DEFAULT-VALUE}).")
  double fragmentation;

  @Option(
      names = "--host-events",
      paramLabel = "SEED[:RATE[:KINDS]]",
      converter = HostEventsConverter.class,
      description =
          "The host disturbs guest memory while it runs, at RATE random moments in a million"
              + " instructions (default: 100): unmap, write-protect, split-pmd, split, migrate,"
              + " collapse, zap, joined by + (default: all). The guest must not notice.")
  HostEventPlan hostEvents;

  @Mixin MeasureOptions measure;

  @Option(
      names = "--memory-hash",
      description = "Tell the SHA-256 of guest memory at the end, as quire restore does.")
  boolean memoryHash;

  @Option(
      names = "--max-instructions",
      paramLabel = "N",
      description = "Stop after exactly N instructions (exit code 124).")
  Long maxInstructions;

  @Option(
      names = "--timeout",
      paramLabel = "S",
      description = "Stop after S seconds (exit code 124).")
  Double timeoutSeconds;

  BootCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public Integer call() {
    GuestChoice choice = GuestChoice.of(guest.name);
    BootRequest request = request(choice);
    List<Preset> presets = measure.presets(() -> BootLoader.plan(request).architecture());
    List<TlbGeometry> tlbs = MeasureOptions.geometries(presets, hostPages);
    RunSettings settings =
        new RunSettings(
            hostPages,
            common.seed,
            RunLimits.instructions(maxInstructions),
            RunLimits.timeout(timeoutSeconds),
            tlbs,
            RunSettings.checkedFragmentation(fragmentation),
            hostEvents,
            hostKernel);
    try (JsonLines json = common.openJson(invocation)) {
      if (json != null) {
        json.manifest(Build.manifest(invocation, common.seed, config(request, choice, presets)));
      }
      boolean showConsole = !common.jsonOnStandardOutput();
      ConsoleOutput console =
          new ConsoleOutput(
              showConsole ? invocation.out() : null, invocation.outIsTerminal(), json);
      RunOutcome outcome = run(request, settings, console);
      console.finish();
      if (json != null) {
        json.outcome(outcome);
      }
      summarize(outcome);
      return exitCode(outcome.status());
    }
  }

  @SuppressWarnings("try") // guard and progress act by being open
  private RunOutcome run(BootRequest request, RunSettings settings, ConsoleOutput console) {
    try (GuestRun run = invocation.runner().prepare(request, settings, console);
        InterruptGuard guard = new InterruptGuard(run::interrupt)) {
      if (common.quiet) {
        return hashed(run, run.run());
      }
      long most = maxInstructions == null ? -1 : maxInstructions;
      try (GuestProgress progress =
          new GuestProgress(invocation, console, guest.name, run::instructionsSoFar, most)) {
        return hashed(run, run.run());
      }
    }
  }

  private RunOutcome hashed(GuestRun run, RunOutcome outcome) {
    return memoryHash ? outcome.withMemoryHash(run.memoryHash()) : outcome;
  }

  private void summarize(RunOutcome outcome) {
    if (common.quiet) {
      return;
    }
    List<String> lines = SummaryText.of(guest.name, outcome);
    boolean good = exitCode(outcome.status()) == ExitCode.DONE;
    boolean colours = invocation.errIsTerminal() && invocation.colours();
    invocation.err().println(colours ? colour(lines.getFirst(), good) : lines.getFirst());
    for (String line : lines.subList(1, lines.size())) {
      invocation.err().println(line);
    }
  }

  private static String colour(String text, boolean good) {
    return (good ? "\u001b[32m" : "\u001b[31m") + text + "\u001b[0m";
  }

  static int exitCode(RunStatus status) {
    return switch (status) {
      case PASS, POWEROFF, RESET -> ExitCode.DONE;
      case FAIL, TRIPLE_FAULT, PANIC, HANG, HANDLER_DEAD -> ExitCode.FAILED;
      case LIMIT -> ExitCode.LIMIT;
      case INTERRUPTED -> ExitCode.INTERRUPTED;
    };
  }

  private BootRequest request(GuestChoice choice) {
    if (guest.vcpus != null && guest.vcpus < 1) {
      throw CommandFailure.usage("--smp " + guest.vcpus + " is not positive");
    }
    BootRequest request = guest.request(choice);
    try {
      hostPages.requireMultiple(request.memoryBytes());
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
    return request;
  }

  private Map<String, Object> config(
      BootRequest request, GuestChoice choice, List<Preset> presets) {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("command", "boot");
    config.put("guest", guest.name);
    config.put("arch", choice.image() != null ? choice.image().arch() : guest.arch);
    config.put("memory_bytes", request.memoryBytes());
    config.put("smp", request.cpus());
    config.put("initrd", guest.initrd);
    config.put("command_line", request.commandLine());
    config.put("host_pages", hostPages.name());
    config.put("host_kernel", hostKernel.toString());
    config.put("fragmentation", fragmentation);
    config.put("host_events", hostEvents == null ? null : hostEvents.toString());
    config.put("memory_hash", memoryHash);
    measure.addTo(config, presets);
    config.put("max_instructions", maxInstructions);
    config.put("timeout_seconds", timeoutSeconds);
    return config;
  }

  /** Lets picocli parse a plan of host events. */
  static final class HostEventsConverter implements ITypeConverter<HostEventPlan> {
    @Override
    public HostEventPlan convert(String text) {
      try {
        return HostEventPlan.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /** Lets picocli parse a host kernel by its name. */
  static final class ProfileConverter implements ITypeConverter<KernelProfile> {
    @Override
    public KernelProfile convert(String name) {
      try {
        return KernelProfile.parse(name);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /** Lets picocli parse a policy by its name. */
  static final class PolicyConverter implements ITypeConverter<HostPagePolicy> {
    @Override
    public HostPagePolicy convert(String name) {
      try {
        return HostPagePolicy.parse(name);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
