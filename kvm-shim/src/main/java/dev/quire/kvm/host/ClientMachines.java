package dev.quire.kvm.host;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.page.MemoryLayout;
import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.Order;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.LinuxArm64Pte;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;

/**
 * Makes the modelled machine of each VM of a client: memory that its kernel allocates from, and
 * above it room for what the client lends. Immutable.
 */
public final class ClientMachines {
  private static final long OWN_BYTES = 256L << 20;

  private final HostArchitecture architecture;
  private final KernelProfile profile;
  private final long lentBytes;

  /**
   * @param lentBytes most memory of clients in one VM
   */
  public ClientMachines(HostArchitecture architecture, KernelProfile profile, long lentBytes) {
    this.architecture = architecture;
    this.profile = profile;
    this.lentBytes = lentBytes;
  }

  static long ownPages() {
    return OWN_BYTES >>> Order.BASE_PAGE_SHIFT;
  }

  long lentPages() {
    return lentBytes >>> Order.BASE_PAGE_SHIFT;
  }

  HostMachine make() {
    KernelConfig config =
        KernelConfig.of(architecture, HostGranule.BASE_4K, ownPages() + lentPages())
            .withProfile(profile);
    KernelPteFormat format =
        architecture == HostArchitecture.X86_64
            ? new LinuxX86Pte(Ia32ePte.FOUR_LEVEL)
            : new LinuxArm64Pte(Granule.SIZE_4K, 48);
    MemoryLayout layout =
        architecture == HostArchitecture.X86_64
            ? MemoryLayout.x86(ownPages())
            : MemoryLayout.arm64(Order.BASE_PAGE_SHIFT, ownPages());
    return new HostMachine(config, format, layout);
  }
}
