package dev.quire.emulator.restore;

import dev.quire.kernel.mm.HostMemoryKind;

/**
 * memcpy by the VMM into guest memory that it has mapped, before the guest runs: each page first
 * faults, is cleared, mapped, and then copied over. With population MADV_POPULATE_WRITE maps all
 * pages ahead, so that copying takes no exception; with pre-faulting KVM_PRE_FAULT_MEMORY maps them
 * for the guest too.
 */
final class EagerMemcpy extends LegalPagesStrategy {
  private final boolean populate;
  private final boolean preFault;

  private EagerMemcpy(String name, boolean populate, boolean preFault, String usualPages) {
    super(
        usualPages,
        new LegalPages(
            name,
            "",
            HostMemoryKind.ANONYMOUS,
            HostMemoryKind.GUEST_MEMFD,
            HostMemoryKind.SHMEM,
            HostMemoryKind.HUGETLB));
    this.populate = populate;
    this.preFault = preFault;
  }

  /** Into a guest_memfd, unless another memory is asked for. */
  static EagerMemcpy plain() {
    return new EagerMemcpy("eager-memcpy", false, false, "gmem");
  }

  static EagerMemcpy populated() {
    return new EagerMemcpy("populate-write", true, false, "4k");
  }

  static EagerMemcpy preFaulted() {
    return new EagerMemcpy("prefault", true, true, "4k");
  }

  @Override
  public boolean readsAll() {
    return true;
  }

  @Override
  public UffdService load(RestoreHost host) {
    HostMeter.Share before = host.meter().enter(HostMeter.Share.EAGER);
    if (populate) {
      host.populateWrite();
    }
    host.eachBatch(
        (region, offset, bytes) ->
            host.memcpy(region.address() + offset, region.fileOffset() + offset, bytes));
    if (preFault) {
      host.preFault();
    }
    host.meter().enter(before);
    return null;
  }
}
