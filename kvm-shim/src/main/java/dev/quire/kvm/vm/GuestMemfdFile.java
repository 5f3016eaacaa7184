package dev.quire.kvm.vm;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.mm.VmFlags;
import dev.quire.kvm.fd.SharedPages;

/**
 * The file of KVM_CREATE_GUEST_MEMFD. All that system calls may do with it is asked of {@link
 * #file}; it works in any process, and after the VM's own file is closed.
 */
public final class GuestMemfdFile extends VmDescriptor {
  private final GuestMemfd file;
  private final SharedPages pages;

  GuestMemfdFile(Vm vm, GuestMemory memory) {
    super(vm);
    file = memory.file();
    pages = memory.pages();
  }

  /** The modelled file: size, fallocate, rules of mmap. */
  public GuestMemfd file() {
    return file;
  }

  @Override
  public long mmapError(long page, long count, boolean shared, boolean executable) {
    long flags = (shared ? VmFlags.SHARED : 0) | (executable ? VmFlags.EXEC : 0);
    return file.mmapError(flags, page * Vm.PAGE_BYTES, count * Vm.PAGE_BYTES);
  }

  /** {@inheritDoc} Without GUEST_MEMFD_FLAG_INIT_SHARED nobody but the guest touches them. */
  @Override
  public SharedPages pages(long page) {
    return file.isTouchable() && page < file.sizeInPages() ? pages : null;
  }

  @Override
  public long indexInPages(long page) {
    return page;
  }

  @Override
  protected void released() {
    file.put();
    if (pages != null) {
      pages.close();
    }
    super.released();
  }

  @Override
  public String name() {
    return "anon_inode:[kvm-gmem]";
  }
}
