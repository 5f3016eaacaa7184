package dev.quire.lab.replay;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.ShmemThpMode;
import dev.quire.kernel.mm.ThpDefrag;
import dev.quire.kernel.mm.ThpMode;
import dev.quire.kernel.mm.ThpSettings;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** The machine that recordings are replayed on. */
final class ReplayMachine {
  /** 16 GiB: more than what scripts can touch at once, less than what their addresses span. */
  private static final long MEMORY_PAGES = 4L << 20;

  static final int SMALLEST_KIB = 4;
  static final int PMD_ORDER = 9;

  private ReplayMachine() {}

  /** With the settings of a case. */
  static KernelConfig of(ReplayConfig config) {
    Map<Integer, ThpMode> anonymous = new HashMap<>();
    config
        .anonymous()
        .forEach((kib, mode) -> anonymous.put(order(kib), ThpMode.valueOf(big(mode))));
    Map<Integer, ShmemThpMode> shared = new HashMap<>();
    config
        .sharedMemory()
        .forEach((kib, mode) -> shared.put(order(kib), ShmemThpMode.valueOf(big(mode))));
    return KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, MEMORY_PAGES)
        .withThp(
            new ThpSettings(
                ThpMode.MADVISE,
                anonymous,
                ShmemThpMode.NEVER,
                shared,
                config.useZeroPage(),
                ThpDefrag.MADVISE));
  }

  private static int order(int kib) {
    return Integer.numberOfTrailingZeros(kib / SMALLEST_KIB);
  }

  private static String big(String mode) {
    return mode.toUpperCase(Locale.ROOT);
  }

  /** As sessions were recorded: THP by madvise, of which only 2 MiB inherit; shmem never. */
  static KernelConfig session() {
    Map<Integer, String> inherited = Map.of(SMALLEST_KIB << PMD_ORDER, "inherit");
    return of(new ReplayConfig(inherited, inherited, true));
  }
}
