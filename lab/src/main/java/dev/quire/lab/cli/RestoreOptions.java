package dev.quire.lab.cli;

import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.restore.RestoreCosts;
import dev.quire.emulator.restore.RestoreRefusedException;
import dev.quire.emulator.restore.RestoreRun;
import dev.quire.emulator.restore.RestoreSettings;
import dev.quire.emulator.restore.RestoreStrategies;
import dev.quire.emulator.restore.RestoreStrategy;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.lab.cost.BadCostException;
import dev.quire.lab.cost.CostFiles;
import dev.quire.lab.restore.RestorePrices;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** How {@code quire restore} restores. */
final class RestoreOptions {
  private static final double LONGEST_DEADLINE_SECONDS = 24 * 3600;

  @Option(
      names = "--strategy",
      paramLabel = "S",
      required = true,
      split = ",",
      description =
          "Comma list of eager-write, eager-memcpy, uffd-copy, uffd-continue, populate-write,"
              + " prefault, demand, record-prefetch.")
  List<String> strategies;

  @Option(
      names = "--host-pages",
      paramLabel = "POLICY",
      converter = BootCommand.PolicyConverter.class,
      description =
          "What backs guest memory (default: what the strategy is about: gmem, shmem or 4k).")
  HostPagePolicy hostPages;

  @Option(
      names = "--host-kernel",
      paramLabel = "PROFILE",
      description =
          "linux-6.18, linux-7.1, rfc-write, each also with +memory-attributes (default:"
              + " linux-6.18, or what the strategy needs).")
  String hostKernel;

  @Option(
      names = "--handler",
      paramLabel = "NAME",
      description = "Who answers userfaultfd: " + HandlerChoice.NAMES + " (default: on-demand).")
  String handler;

  @Option(
      names = "--handler-path",
      paramLabel = "PATH",
      split = ":",
      description = "Jars and folders with the class of --handler class:NAME.")
  List<Path> handlerPath = List.of();

  @Option(
      names = "--handler-deadline",
      paramLabel = "S",
      defaultValue = "10",
      description =
          "Seconds of a handler's silence after which it counts as dead (default:"
              + " ${DEFAULT-VALUE}).")
  double deadlineSeconds;

  @Option(
      names = "--readers",
      paramLabel = "N",
      defaultValue = "1",
      description = "Handler threads (default: ${DEFAULT-VALUE}).")
  int readers;

  @Option(
      names = "--batch",
      paramLabel = "PAGES",
      defaultValue = "512",
      description = "Pages that an eager loader moves at a time (default: ${DEFAULT-VALUE}).")
  int batchPages;

  @Option(
      names = "--page-cache",
      paramLabel = "STATE",
      defaultValue = "cold",
      description =
          "Whether the host's page cache holds the snapshot when the restore begins: cold, warm"
              + " (default: ${DEFAULT-VALUE}).")
  String pageCache;

  @Option(
      names = "--dirty-log",
      description = "Log dirty pages from the start, for which KVM maps 4K pages alone.")
  boolean dirtyLog;

  @Option(
      names = "--cost-model",
      paramLabel = "MACHINE",
      description = "Whose prices modelled time is in (default: x86-2025-03, on arm64 altra).")
  String costModel;

  @Option(
      names = "--working-set",
      paramLabel = "FILE",
      description =
          "Where record-prefetch keeps what the guest asked for (default: beside the snapshot).")
  Path workingSet;

  @Option(
      names = "--record-anew",
      description = "record-prefetch takes no record that is there, and keeps none.")
  boolean recordAnew;

  /** Settles whose prices hold for a guest, before anything else is asked for. */
  void chooseCosts(GuestArchitecture guest) {
    if (costModel == null) {
      costModel = guest == GuestArchitecture.ARM64 ? "altra" : "x86-2025-03";
    }
  }

  /** One strategy with what backs memory under it. */
  record Planned(RestoreStrategy strategy, HostPagePolicy pages, KernelProfile kernel) {}

  /** What is to be restored how; refuses, before anything runs, what Linux would refuse. */
  List<Planned> plan() {
    if (recordAnew && workingSet != null) {
      throw CommandFailure.usage("--working-set and --record-anew exclude each other");
    }
    KernelProfile given = givenKernel();
    List<Planned> plan = new ArrayList<>();
    for (String name : new LinkedHashSet<>(strategies)) {
      RestoreStrategy strategy;
      try {
        strategy = RestoreStrategies.named(name);
      } catch (IllegalArgumentException e) {
        throw CommandFailure.usage("--strategy: " + e.getMessage(), e);
      }
      HostPagePolicy pages = hostPages == null ? strategy.usualPages() : hostPages;
      KernelProfile kernel = given == null ? strategy.usualKernel(pages) : given;
      Planned planned = new Planned(strategy, pages, kernel);
      try {
        RestoreRun.check(strategy, settings(planned), kernel);
      } catch (RestoreRefusedException e) {
        throw CommandFailure.usage(e.getMessage(), e);
      }
      plan.add(planned);
    }
    return plan;
  }

  private KernelProfile givenKernel() {
    try {
      return hostKernel == null ? null : KernelProfile.parse(hostKernel);
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage("--host-kernel: " + e.getMessage(), e);
    }
  }

  RestoreSettings settings(Planned planned) {
    if (!(deadlineSeconds > 0 && deadlineSeconds <= LONGEST_DEADLINE_SECONDS)) {
      throw CommandFailure.usage(
          "--handler-deadline " + deadlineSeconds + " is out of range: above 0, at most a day");
    }
    try {
      return new RestoreSettings(
          planned.pages(),
          HandlerChoice.of(handler, handlerPath),
          readers,
          Duration.ofNanos((long) (deadlineSeconds * 1e9)),
          batchPages,
          isWarm(),
          dirtyLog,
          costs());
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
  }

  private boolean isWarm() {
    return switch (pageCache) {
      case "cold" -> false;
      case "warm" -> true;
      default ->
          throw CommandFailure.usage("--page-cache '" + pageCache + "' is not one of cold, warm");
    };
  }

  private RestoreCosts costs() {
    try {
      return new RestorePrices(CostFiles.load(costModel));
    } catch (BadCostException e) {
      throw CommandFailure.usage("--cost-model: " + e.getMessage(), e);
    }
  }

  /** What of it decides results. */
  void addTo(Map<String, Object> config) {
    config.put("strategies", strategies);
    config.put("host_pages", hostPages == null ? null : hostPages.name());
    config.put("host_kernel", hostKernel);
    config.put("handler", handler);
    config.put("readers", readers);
    config.put("batch_pages", batchPages);
    config.put("page_cache", pageCache);
    config.put("dirty_log", dirtyLog);
    config.put("cost_model", costModel);
  }
}
