package dev.quire.kernel.mm;

import static dev.quire.kernel.mm.VmmMapping.READ_WRITE;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.mmu.Order;
import dev.quire.mmu.Translation;

/**
 * Host events on the memory of a VMM, brought about as user space or the kernel would: mprotect
 * there and back, mmap of the same file, a fork, folio split, migration, MADV_COLLAPSE. Used on the
 * machine's executor thread.
 */
final class VmmEvents implements HostMemoryEvents {
  private final Kernel kernel;
  private final HostPagePolicy policy;
  private final KernelAddressSpace space;
  private final FolioMigration migration;
  private final AnonMigration anonMigration;
  private final int baseOrder;
  private final int pmdOrder;

  /** The child that shares what is write-protected; null before the first. */
  private Process child;

  VmmEvents(Kernel kernel, HostPagePolicy policy, KernelAddressSpace space) {
    this.kernel = kernel;
    this.policy = policy;
    this.space = space;
    this.migration = new FolioMigration(kernel);
    this.anonMigration = new AnonMigration(kernel);
    this.baseOrder = policy.granule().baseOrder();
    this.pmdOrder = policy.granule().pmdOrder();
  }

  private Process vmm() {
    return space.process();
  }

  private boolean isGuestMemfd(VmmMapping mapping) {
    return mapping.file() != null && mapping.file().kind() == FileKind.GUEST_MEMFD;
  }

  /** {@inheritDoc} Anonymous memory loses its rights for a moment, a file is mapped anew. */
  @Override
  public boolean unmap(long hva, long bytes) {
    VmmMapping mapping = space.mappingOf(hva);
    if (isGuestMemfd(mapping) || Translation.failed(space.lookup(hva))) {
      return false;
    }
    long first = firstOf(hva);
    long past = endOf(mapping, hva, bytes);
    if (mapping.file() == null) {
      return thereAndBack(first, past, Mman.PROT_NONE);
    }
    return vmm().munmap(first, past - first) == 0
        && mapping.mapAt(vmm(), first, past - first) == first;
  }

  /** Whole pages of the size that the policy reserves, or that is mapped here. */
  private long alignment(long hva) {
    return Order.bytes(policy.reserved() ? policy.order() : isHuge(hva) ? pmdOrder : 0);
  }

  private long firstOf(long hva) {
    return hva & -alignment(hva);
  }

  private long endOf(VmmMapping mapping, long hva, long bytes) {
    long alignment = alignment(hva);
    long end = hva + bytes + alignment - 1 & -alignment;
    return Math.min(end, mapping.hva() + mapping.bytes());
  }

  /** mprotect to fewer rights and back: the pages stay. */
  private boolean thereAndBack(long first, long past, int prot) {
    return vmm().mprotect(first, past - first, prot) == 0
        && vmm().mprotect(first, past - first, READ_WRITE) == 0;
  }

  private boolean isHuge(long hva) {
    long found = space.lookup(hva);
    return !Translation.failed(found) && Translation.stage1Order(found) == pmdOrder;
  }

  /**
   * {@inheritDoc} Anonymous memory by a fork: the child stays until the next, so that writes copy
   * what it shares.
   */
  @Override
  public boolean writeProtect(long hva, long bytes) {
    VmmMapping mapping = space.mappingOf(hva);
    if (isGuestMemfd(mapping) || Translation.failed(space.lookup(hva))) {
      return false;
    }
    if (mapping.file() != null) {
      return thereAndBack(firstOf(hva), endOf(mapping, hva, bytes), Mman.PROT_READ);
    }
    if (child != null) {
      child.exit();
    }
    child = vmm().fork();
    return child != null;
  }

  @Override
  public boolean splitMapping(long hva) {
    long page = hva & -Order.bytes(baseOrder);
    return !policy.reserved()
        && isHuge(hva)
        && thereAndBack(page, page + Order.bytes(baseOrder), Mman.PROT_NONE)
        && !isHuge(hva);
  }

  @Override
  public boolean split(long hva) {
    long folio = folioAt(hva);
    if (folio == FrameTable.NONE
        || !kernel.frames().is(folio, PageFlag.ANON)
        || kernel.frames().order(folio) == 0) {
      return false;
    }
    kernel.folios().lru().drain();
    kernel.folios().get(folio, 1);
    boolean done = kernel.splitFolio(folio) == 0;
    kernel.folios().put(folio, 1);
    return done;
  }

  @Override
  public boolean migrate(long hva) {
    VmmMapping mapping = space.mappingOf(hva);
    long folio = folioAt(hva);
    if (folio == FrameTable.NONE || isGuestMemfd(mapping)) {
      return false;
    }
    if (kernel.frames().is(folio, PageFlag.ANON)) {
      return anonMigration.migrate(pageAt(hva));
    }
    return policy.reserved()
        ? migration.migrateHugetlb((HugetlbInode) mapping.file(), folio)
        : migration.migrateFile(mapping.file(), folio);
  }

  private long pageAt(long hva) {
    return Translation.pfn(space.lookup(hva)) >>> baseOrder;
  }

  /** The folio mapped at an address, or NONE; the zero page is nobody's. */
  private long folioAt(long hva) {
    long found = space.lookup(hva);
    if (Translation.failed(found)) {
      return FrameTable.NONE;
    }
    long folio = kernel.frames().folioOf(Translation.pfn(found) >>> baseOrder);
    boolean owned =
        kernel.frames().is(folio, PageFlag.ANON) || kernel.frames().mapping(folio) != null;
    return owned ? folio : FrameTable.NONE;
  }

  @Override
  public boolean collapse(long hva) {
    long first = hva & -Order.bytes(pmdOrder);
    return policy.hasPmdFolios()
        && !isHuge(hva)
        && vmm().madvise(first, Order.bytes(pmdOrder), Mman.MADV_COLLAPSE) == 0
        && isHuge(hva);
  }
}
