package dev.quire.lab.reproduce;

import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.ShmemThpMode;
import dev.quire.kernel.mm.ThpDefrag;
import dev.quire.kernel.mm.ThpMode;
import dev.quire.kernel.mm.ThpSettings;
import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.LinuxArm64Pte;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import java.util.Map;

/** Modelled kernels with the page tables of their architecture and with files. */
final class ModelledMachine {
  private static final int ADDRESS_BITS = 48;

  /** read_ahead_kb of most disks. */
  private static final long READAHEAD_BYTES = 128 << 10;

  private ModelledMachine() {}

  static Kernel kernel(KernelConfig config) {
    return kernel(config, null);
  }

  /**
   * @param guestMemfdWrite how write(2) populates a guest_memfd, or null where it may not
   */
  static Kernel kernel(KernelConfig config, GrabDesign guestMemfdWrite) {
    Kernel kernel = new Kernel(config, format(config));
    int readahead = (int) Math.max(1, READAHEAD_BYTES >>> kernel.pageShift());
    kernel.setFileSystems(ModelledFiles.of(kernel, readahead, guestMemfdWrite));
    return kernel;
  }

  private static KernelPteFormat format(KernelConfig config) {
    if (config.architecture() == HostArchitecture.X86_64) {
      return new LinuxX86Pte(Ia32ePte.FOUR_LEVEL);
    }
    Granule granule =
        switch (config.granule()) {
          case BASE_4K -> Granule.SIZE_4K;
          case BASE_16K -> Granule.SIZE_16K;
          case BASE_64K -> Granule.SIZE_64K;
        };
    return new LinuxArm64Pte(granule, ADDRESS_BITS);
  }

  /** Anonymous folios of one order wherever they fit; 0 for base pages. */
  static ThpSettings folios(int order) {
    return order == 0
        ? ThpSettings.NEVER
        : new ThpSettings(
            ThpMode.NEVER,
            Map.of(order, ThpMode.ALWAYS),
            ShmemThpMode.NEVER,
            Map.of(),
            false,
            ThpDefrag.MADVISE);
  }
}
