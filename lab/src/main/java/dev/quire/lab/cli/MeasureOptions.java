package dev.quire.lab.cli;

import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.measure.MeasureConfig;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.preset.Preset;
import dev.quire.mmu.tlb.TlbGeometry;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/** Whether a guest's accesses go through TLB models; the same for every command that runs one. */
final class MeasureOptions {
  @Option(
      names = "--measure",
      description =
          "Put every access through TLB models; slower. Over the region that the guest marks, or"
              + " the whole run.")
  boolean measure;

  @Option(
      names = "--tlb",
      paramLabel = "PRESET",
      split = ",",
      description =
          "With --measure: comma list of presets (quire tlb-presets lists them) or files (default:"
              + " skylake-sp, on arm64 neoverse-n1).")
  List<String> tlb;

  /** The geometries asked for; none in a functional run. */
  List<Preset> presets(Supplier<GuestArchitecture> guest) {
    if (!measure) {
      if (tlb != null) {
        throw CommandFailure.usage("--tlb needs --measure");
      }
      return List.of();
    }
    List<Preset> presets = new ArrayList<>();
    for (String name : new LinkedHashSet<>(tlb == null ? List.of(usual(guest.get())) : tlb)) {
      presets.add(TlbPresetsCommand.load(name));
    }
    return presets;
  }

  private static String usual(GuestArchitecture guest) {
    return guest == GuestArchitecture.X86_64 ? "skylake-sp" : "neoverse-n1";
  }

  /** The presets as a host with these pages has them. */
  static List<TlbGeometry> geometries(List<Preset> presets, HostPagePolicy pages) {
    return presets.stream().map(preset -> TlbCommand.geometry(preset, pages)).toList();
  }

  /** Null for a functional run. */
  static MeasureConfig config(List<TlbGeometry> tlbs, long seed) {
    try {
      return tlbs.isEmpty() ? null : new MeasureConfig(tlbs, seed);
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage("--tlb: " + e.getMessage(), e);
    }
  }

  void addTo(Map<String, Object> config, List<Preset> presets) {
    config.put("measure", measure);
    config.put("tlb", presets.stream().map(Preset::name).toList());
  }
}
