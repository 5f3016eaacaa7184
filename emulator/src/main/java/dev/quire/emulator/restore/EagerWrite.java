package dev.quire.emulator.restore;

import dev.quire.kernel.mm.HostMemoryKind;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;

/**
 * write(2) to the file behind guest memory, in batches, before the guest runs: no fault, no
 * clearing, no entry of a page table (the write() series for guest_memfd, seed of
 * 20250303130838.28812-2-kalyazin@amazon.com).
 */
final class EagerWrite extends LegalPagesStrategy {
  static final String NAME = "eager-write";
  private static final LegalPages LEGAL =
      new LegalPages(
          NAME, "write(2) needs a file", HostMemoryKind.GUEST_MEMFD, HostMemoryKind.SHMEM);

  EagerWrite() {
    super("gmem", LEGAL);
  }

  @Override
  public KernelProfile usualKernel(HostPagePolicy pages) {
    return pages.memory() == HostMemoryKind.GUEST_MEMFD
        ? KernelProfile.RFC_WRITE
        : KernelProfile.LINUX_6_18;
  }

  @Override
  public void check(HostPagePolicy pages, KernelProfile kernel) {
    super.check(pages, kernel);
    if (pages.memory() == HostMemoryKind.GUEST_MEMFD && !kernel.guestMemfdWrite()) {
      throw new RestoreRefusedException(
          "strategy %s: guest_memfd has no write(2) in host kernel '%s' (EINVAL); choose --host-kernel rfc-write"
              .formatted(NAME, kernel));
    }
  }

  @Override
  public boolean readsAll() {
    return true;
  }

  @Override
  public UffdService load(RestoreHost host) {
    host.eachBatch((region, offset, bytes) -> host.write(region.fileOffset() + offset, bytes));
    return null;
  }
}
