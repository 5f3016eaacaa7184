package dev.quire.kernel.mm;

import dev.quire.kernel.mm.FaultHandler.Cause;
import dev.quire.kernel.stat.Primitive;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * A process of a modelled kernel, as user space knows it. System calls return what Linux returns:
 * zero or more, or -errno ({@link Errno}); addresses and lengths are bytes and may be anything.
 * Used on the kernel's thread.
 */
public final class Process {
  /** A system call waits for user space ({@link #blockedOn}); no call answers this otherwise. */
  public static final long BLOCKED = Long.MIN_VALUE;

  /** What waited is to be done again from the start ({@link UffdWait#resume}). */
  public static final long REPEAT = Long.MIN_VALUE + 1;

  private final Kernel kernel;
  private final MmStruct mm;
  private UffdWait blockedOn;
  private int thread = 1;
  private boolean exited;
  private long minorFaults;
  private long majorFaults;

  Process(Kernel kernel, MmStruct mm) {
    this.kernel = kernel;
    this.mm = mm;
  }

  public Kernel kernel() {
    return kernel;
  }

  MmStruct mm() {
    return mm;
  }

  private MmCalls call() {
    kernel.counters().count(Primitive.SYSCALL);
    return kernel.calls();
  }

  /**
   * mmap(2).
   *
   * @param prot PROT_ bits of {@link Mman}
   * @param flags MAP_ bits of {@link Mman}
   * @param file null with MAP_ANONYMOUS
   * @return the address
   */
  public long mmap(long address, long bytes, int prot, int flags, OpenFile file, long offset) {
    return call().map.mmap(this, address, bytes, prot, flags, file, offset);
  }

  public long munmap(long address, long bytes) {
    return call().map.munmap(this, address, bytes);
  }

  public long mprotect(long address, long bytes, int prot) {
    return call().protect.mprotect(this, address, bytes, prot);
  }

  /** mremap(2): {@code newAddress} counts with MREMAP_FIXED or MREMAP_DONTUNMAP only. */
  public long mremap(long address, long oldBytes, long newBytes, int flags, long newAddress) {
    return call().remap.mremap(this, address, oldBytes, newBytes, flags, newAddress);
  }

  /** madvise(2), {@code advice} one of MADV_ of {@link Mman}. */
  public long madvise(long address, long bytes, int advice) {
    return call().madvise.madvise(this, address, bytes, advice);
  }

  public long mlock(long address, long bytes) {
    return call().lock.mlock(this, address, bytes);
  }

  public long munlock(long address, long bytes) {
    return call().lock.munlock(this, address, bytes);
  }

  /**
   * mincore(2).
   *
   * @param vector one byte for each page; filled as far as the call gets
   */
  public long mincore(long address, long bytes, byte[] vector) {
    return call().pageReports.mincore(mm, address, bytes, vector);
  }

  /**
   * fork(2): the child, or null if memory is out (ENOMEM). If {@link #blockedOn} is not null
   * afterwards, the call waits for its event to be read, and neither process runs before {@link
   * UffdWait#resume} ends with 0.
   */
  public Process fork() {
    blockedOn = null;
    return call().forkExit.fork(this);
  }

  /** _exit(2): the address space goes; nothing may be called on the process afterwards. */
  public void exit() {
    exited = true;
    call().forkExit.exit(mm);
  }

  /** Whether {@link #exit} was called. */
  public boolean hasExited() {
    return exited;
  }

  /** One access of user space to one byte; a write leaves a byte that is not zero. */
  public int touch(long address, boolean write) {
    return touch(address, write, 1);
  }

  /**
   * One access of user space to one byte.
   *
   * @param value what a write stores: the model knows of a page whether it holds anything but
   *     zeros, and takes it that all stores to a page go to the same byte
   * @return {@link UserSignal}: 0 if the access went through
   */
  public int touch(long address, boolean write, int value) {
    return kernel.userAccess().touch(this, address, write, value, Cause.ACCESS);
  }

  /**
   * {@link #touch(long, boolean, int)} by a system call that copies from or to user memory, such as
   * read(2) and write(2): what would be a signal is EFAULT there.
   */
  public int touchInKernel(long address, boolean write, int value) {
    return kernel.userAccess().touch(this, address, write, value, Cause.KERNEL);
  }

  /**
   * What the last access that ended with {@link UserSignal#BLOCKED}, or the last call that ended
   * with {@link #BLOCKED}, waits for.
   */
  public UffdWait blockedOn() {
    return blockedOn;
  }

  void setBlockedOn(UffdWait wait) {
    blockedOn = wait;
  }

  /**
   * Lets a call of this process wait: what {@link #blockedOn} gives out then answers {@code rest}
   * when it is resumed.
   *
   * @return {@link #BLOCKED}
   */
  public long block(UffdWait wait, LongSupplier rest) {
    return ContinuedCall.block(this, wait, rest);
  }

  /** The thread whose calls and accesses follow, as UFFD_FEATURE_THREAD_ID names it. */
  public void setThread(int id) {
    thread = id;
  }

  int thread() {
    return thread;
  }

  void countFault(boolean major) {
    if (major) {
      majorFaults++;
    } else {
      minorFaults++;
    }
  }

  /** ru_minflt. */
  public long minorFaults() {
    return minorFaults;
  }

  /** ru_majflt. */
  public long majorFaults() {
    return majorFaults;
  }

  /**
   * A new file.
   *
   * @param pages its size
   * @return null if the kernel has no such files
   */
  public OpenFile open(FileKind kind, long pages) {
    if (kind == FileKind.HUGETLB) {
      return openHugetlb(kernel.hugetlb().defaultSize().bytes(), pages);
    }
    FileSystems files = kernel.fileSystems();
    return files == null ? null : files.open(kind, pages);
  }

  /**
   * memfd_create with MFD_HUGETLB and a size.
   *
   * @param hugePageBytes one of the sizes that the kernel has
   * @param pages of the file, in base pages
   * @return null if the kernel has no such size, or the file's is no multiple of it
   */
  public OpenFile openHugetlb(long hugePageBytes, long pages) {
    return kernel.hugetlb().open(hugePageBytes, pages);
  }

  /**
   * Pins the page at an address for writing, as a driver does (pin_user_pages with FOLL_WRITE).
   *
   * @return its pfn in base pages, or -errno
   */
  public long pin(long address) {
    return kernel.pinnedPages().pin(this, address);
  }

  /** Undoes one {@link #pin}. */
  public void unpin(long pfn) {
    kernel.pinnedPages().unpin(pfn);
  }

  /** What /proc says of the pages of a range. */
  public void pagemap(long address, long bytes, PageVisitor visitor) {
    kernel.calls().pageReports.pagemap(mm, address, bytes, visitor);
  }

  /**
   * PAGEMAP_SCAN on /proc/PID/pagemap.
   *
   * @return how many runs of pages the visitor was told of, or -errno
   */
  public long pagemapScan(PageScan request, PageScan.Visitor visitor) {
    return call().pagemapScan.scan(mm, request, visitor);
  }

  /** /proc/PID/smaps. */
  public List<VmaReport> smaps() {
    return kernel.calls().smaps.report(mm);
  }

  /** Resident anonymous pages (RssAnon), in base pages. */
  public long anonPages() {
    return mm.anonPages();
  }

  /** Resident pages of files (RssFile), in base pages. */
  public long filePages() {
    return mm.filePages();
  }

  /** Resident pages of shmem (RssShmem), in base pages. */
  public long shmemPages() {
    return mm.shmemPages();
  }

  /** Mapped hugetlb pages (HugetlbPages of /proc/PID/status), in base pages: no part of the RSS. */
  public long hugetlbPages() {
    return mm.hugetlbPages();
  }

  /** Page tables of all levels, deposited ones and the root included. */
  public int pageTables() {
    return mm.tables().tables();
  }

  /** Tells {@code notifier} of every mapping that goes from now on. */
  public void addNotifier(MmuNotifier notifier) {
    mm.addNotifier(notifier);
  }

  public void removeNotifier(MmuNotifier notifier) {
    mm.removeNotifier(notifier);
  }
}
