package dev.quire.lab.cli;

import dev.quire.emulator.boot.BootRequest;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.preset.Preset;
import dev.quire.lab.stream.GuestPages;
import dev.quire.lab.tlb.TlbCell;
import dev.quire.mmu.tlb.TlbIsa;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/**
 * The options that span a grid of guest pages, host pages and TLB geometries, and what they mean
 * for the architecture at hand. Wrong ones end in a {@link CommandFailure}.
 */
final class TlbGridOptions {
  private static final List<String> USUAL_HOST_PAGES = List.of("4k");

  @Option(
      names = "--arch",
      paramLabel = "ARCH",
      description =
          "Of the stream's guest and its host: x86_64 or arm64 (default: what the page names and"
              + " presets ask for).")
  String arch;

  @Option(
      names = "--guest-pages",
      paramLabel = "NAME",
      split = ",",
      description =
          "Comma list: x86_64 4k, 2m, 1g; arm64 4k, 64k-cont, 2m, 32m-cont, 1g, and behind 16k: or"
              + " 64k: those of the granule (default: 4k).")
  List<String> guestPages;

  @Option(
      names = "--host-pages",
      paramLabel = "POLICY",
      split = ",",
      description =
          "Comma list: 4k, thp, mthp-16k to mthp-1024k, mthp-all, hugetlb-2m, hugetlb-1g, gmem,"
              + " shmem; suffixes +aggregation, +contpte; docs/HOST-PAGES.md (default: 4k).")
  List<String> hostPages = USUAL_HOST_PAGES;

  @Option(
      names = "--tlb",
      paramLabel = "PRESET",
      split = ",",
      description =
          "Comma list of presets (quire tlb-presets lists them) or files (default: skylake-sp, on"
              + " arm64 neoverse-n1).")
  List<String> tlb;

  @Option(
      names = "--native",
      description =
          "A process on the host itself, without a second stage: --host-pages decides its pages.")
  boolean hostProcess;

  /** Whether any of them says other than usual. */
  boolean isGiven() {
    return arch != null
        || guestPages != null
        || tlb != null
        || hostProcess
        || !hostPages.equals(USUAL_HOST_PAGES);
  }

  /**
   * The presets of {@code --tlb}, without repetition.
   *
   * @param guests of a guest; null for a stream, where other options tell
   */
  List<Preset> presets(HostArchitecture guests) {
    Map<String, Preset> presets = new LinkedHashMap<>();
    for (String name : new LinkedHashSet<>(tlb == null ? List.of(usualPreset(guests)) : tlb)) {
      Preset preset = TlbPresetsCommand.load(name);
      if (presets.put(preset.name(), preset) != null) {
        throw CommandFailure.usage(
            "%s: another preset of this run is called '%s' too: give it a name of its own"
                .formatted(name, preset.name()));
      }
    }
    return new ArrayList<>(presets.values());
  }

  /**
   * The cross product of pages.
   *
   * @param request of a guest; null for a stream
   */
  List<TlbCell> cells(BootRequest request, HostArchitecture architecture) {
    List<TlbCell> cells = new ArrayList<>();
    if (hostProcess && guestPages != null) {
      throw CommandFailure.usage("--native has no guest: leave --guest-pages out");
    }
    try {
      for (String guestName : new LinkedHashSet<>(guestNames(request != null))) {
        if (guestName != null && !hostProcess) {
          GuestPages.parse(guestName, architecture);
        }
        for (String hostName : new LinkedHashSet<>(hostPages)) {
          HostPagePolicy policy = HostPagePolicy.parse(hostName);
          policy.requireArchitecture(architecture);
          if (request != null) {
            policy.requireMultiple(request.memoryBytes());
          }
          if (hostProcess && policy.contpte()) {
            throw CommandFailure.usage(
                "host page policy '"
                    + hostName
                    + "': with --native Linux sets the contiguous bit by itself; leave +contpte"
                    + " out");
          }
          cells.add(new TlbCell(hostProcess ? null : guestName, policy));
        }
      }
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
    return cells;
  }

  /** Names of {@code --guest-pages}; a null name leaves the choice to the guest. */
  List<String> guestNames(boolean hasGuest) {
    if (guestPages != null) {
      return guestPages;
    }
    return hasGuest ? Collections.singletonList(null) : List.of("4k");
  }

  /** A guest that does not read its argument pages= would give rows that say what is not so. */
  void requireGuestPagesOf(GuestChoice choice, List<String> arguments) {
    if (guestPages == null) {
      return;
    }
    if (arguments.stream().anyMatch(argument -> argument.startsWith("pages="))) {
      throw CommandFailure.usage("--guest-pages and the guest's pages= are the same: give one");
    }
    if (choice.image() != null && !choice.image().takes("pages")) {
      List<String> others = new ArrayList<>();
      for (GuestImage image : GuestCatalogue.builtIn().images()) {
        if (image.takes("pages") && image.arch().equals(choice.image().arch())) {
          others.add(image.name());
        }
      }
      throw CommandFailure.usage(
          "%s has no choice of pages: leave --guest-pages out, or take one of %s"
              .formatted(choice.image().name(), String.join(", ", others)));
    }
  }

  private String usualPreset(HostArchitecture guests) {
    boolean arm64 =
        guests == null
            ? HostArchitecture.ARM64.toString().equals(arch) || namesOfArm64()
            : guests == HostArchitecture.ARM64;
    return arm64 ? "neoverse-n1" : "skylake-sp";
  }

  /** Whether a page name exists on arm64 alone. */
  private boolean namesOfArm64() {
    List<String> x86 = GuestPages.names(HostArchitecture.X86_64);
    List<String> arm64 = GuestPages.names(HostArchitecture.ARM64);
    for (String name : guestPages == null ? List.<String>of() : guestPages) {
      if (!x86.contains(name) && arm64.contains(name)) {
        return true;
      }
    }
    for (String name : hostPages) {
      if (name.contains("+contpte") || name.startsWith("16k:") || name.startsWith("64k:")) {
        return true;
      }
    }
    return false;
  }

  /** Of a stream: as given, or as page names and presets ask for. */
  HostArchitecture architecture(List<Preset> presets) {
    if (arch == null) {
      boolean cores = presets.stream().allMatch(preset -> preset.geometry().isa() == TlbIsa.ARM64);
      return cores || namesOfArm64() ? HostArchitecture.ARM64 : HostArchitecture.X86_64;
    }
    for (HostArchitecture architecture : HostArchitecture.values()) {
      if (architecture.toString().equals(arch)) {
        return architecture;
      }
    }
    throw CommandFailure.usage("--arch '" + arch + "' is not one of x86_64, arm64");
  }
}
