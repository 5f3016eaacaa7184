package dev.quire.kvm.vm;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.VmFlags;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.fd.UserBytes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The file of KVM_CREATE_GUEST_MEMFD. All that system calls may do with it is asked of {@link
 * #file}; it works in any process, and after the VM's own file is closed.
 */
public final class GuestMemfdFile extends VmDescriptor {
  /** MAX_RW_COUNT: a call writes no more (Linux v6.18 fs/read_write.c). */
  private static final long MOST_BYTES = 0x7fff_f000L;

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

  /** As mail 20250303130838.28812-2-kalyazin@amazon.com has it. */
  @Override
  public long write(long at, UserBytes from) {
    if (!file.hasPwrite()) {
      return -Errno.EINVAL;
    }
    long end = vm().traits().userEnd();
    long bytes = from.bytes();
    if (from.address() < 0 || bytes < 0 || bytes > end || from.address() > end - bytes) {
      return -Errno.EFAULT;
    }
    bytes = Math.min(bytes, MOST_BYTES);
    long error = file.writeError(at, bytes);
    if (error != 0 || from.address() == 0) {
      return -Errno.EINVAL;
    }
    long now = from.part() ? Math.min(bytes, from.readable() & -Vm.PAGE_BYTES) : bytes;
    return file.write(at, now, (index, page) -> copy(from, index * Vm.PAGE_BYTES, at, page));
  }

  private boolean copy(UserBytes from, long done, long at, long pfn) {
    if (done + Vm.PAGE_BYTES > from.readable()) {
      return false;
    }
    MemorySegment.copy(
        from.array(),
        from.offset() + (int) done,
        pages.segment(),
        ValueLayout.JAVA_BYTE,
        at + done,
        Vm.PAGE_BYTES);
    host().wrote(pfn);
    return true;
  }

  @Override
  protected long llseek(long position, long offset, int whence) {
    return file.llseek(position, offset, whence);
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
