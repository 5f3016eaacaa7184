package dev.quire.emulator.restore;

import dev.quire.kernel.mm.HostMemoryKind;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.uffd.UffdCode;

/**
 * A userfaultfd whose handler gives pages when vCPUs ask for them. By copy: memory is registered
 * MISSING, and UFFDIO_COPY fills it; as nothing but the handler's calls makes pages, they are as
 * large as its calls say, 4 KiB even where the policy has transparent huge pages. By continue:
 * memory is a file, registered MISSING and MINOR; the handler fills the page cache through its own
 * mapping or by write(2), and UFFDIO_CONTINUE maps.
 */
final class UffdRestore extends LegalPagesStrategy {
  private final PageAnswer answer;

  private UffdRestore(PageAnswer answer, String usualPages, LegalPages legal) {
    super(usualPages, legal);
    this.answer = answer;
  }

  static UffdRestore byCopy(String name) {
    return new UffdRestore(
        PageAnswer.COPY,
        "4k",
        new LegalPages(
            name,
            "Linux's UFFDIO_COPY does not fill a guest_memfd here",
            HostMemoryKind.ANONYMOUS,
            HostMemoryKind.SHMEM,
            HostMemoryKind.HUGETLB));
  }

  static UffdRestore byContinue() {
    return new UffdRestore(
        PageAnswer.CONTINUE,
        "shmem",
        new LegalPages(
            "uffd-continue",
            "UFFDIO_CONTINUE maps pages of a page cache, which private memory has not (EINVAL)",
            HostMemoryKind.SHMEM,
            HostMemoryKind.GUEST_MEMFD,
            HostMemoryKind.HUGETLB));
  }

  @Override
  public KernelProfile usualKernel(HostPagePolicy pages) {
    return pages.memory() == HostMemoryKind.GUEST_MEMFD
        ? KernelProfile.LINUX_7_1
        : KernelProfile.LINUX_6_18;
  }

  @Override
  public void check(HostPagePolicy pages, KernelProfile kernel) {
    super.check(pages, kernel);
    if (pages.memory() == HostMemoryKind.GUEST_MEMFD && !kernel.guestMemfdUserfaultfd()) {
      throw new RestoreRefusedException(
          "strategy %s: host kernel '%s' registers no guest_memfd with a userfaultfd (EINVAL); choose --host-kernel linux-7.1"
              .formatted(name(), kernel));
    }
  }

  @Override
  public boolean readsAll() {
    return false;
  }

  @Override
  public UffdService load(RestoreHost host) {
    host.guestHost().reachMemoryThroughMapping();
    UffdService service = new UffdService(host, answer);
    boolean byContinue = answer == PageAnswer.CONTINUE;
    service.register(
        byContinue
            ? UffdCode.REGISTER_MISSING | UffdCode.REGISTER_MINOR
            : UffdCode.REGISTER_MISSING);
    if (byContinue) {
      if (host.settings().hostPages().memory() == HostMemoryKind.SHMEM) {
        service.fillByWrite();
      } else {
        service.fillByMapping();
      }
    }
    service.start(
        host.settings().handler() == null
            ? new OnDemandHandler(answer)
            : host.settings().handler().apply(answer));
    return service;
  }
}
