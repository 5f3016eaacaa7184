package dev.quire.kernel.mm;

import dev.quire.mmu.Protection;
import java.util.ArrayList;
import java.util.List;

/**
 * One mapping of a process (struct vm_area_struct). Addresses in bytes, {@link #end} exclusive;
 * {@link #pgoff} in base pages. Changed by mm alone, on the kernel's thread.
 */
public final class Vma {
  private final MmStruct mm;
  private final int pageShift;
  private final OpenFile file;
  private final VmOps ops;
  private long start;
  private long end;
  private long flags;
  private long pgoff;
  private AnonVma anonVma;
  private UffdContext uffd;

  /** Null but for a mapping of hugetlb pages. */
  private HugetlbVma hugetlb;

  /** From the oldest ancestor's to this VMA's own. */
  private final List<AnonVma> anonChain = new ArrayList<>(1);

  Vma(MmStruct mm, long start, long end, long flags, long pgoff, OpenFile file, VmOps ops) {
    this.mm = mm;
    this.pageShift = mm.pageShift();
    this.start = start;
    this.end = end;
    this.flags = flags;
    this.pgoff = pgoff;
    this.file = file;
    this.ops = ops;
  }

  /** A VMA of {@code mm} like this one over other addresses, with no anon_vma. */
  Vma copy(MmStruct owner, long from, long to, long firstPgoff) {
    Vma copied = new Vma(owner, from, to, flags, firstPgoff, file, ops);
    copied.uffd = uffd;
    if (hugetlb != null) {
      copied.hugetlb = owner == mm ? hugetlb.copy() : hugetlb.forChild();
    }
    return copied;
  }

  MmStruct mm() {
    return mm;
  }

  public long start() {
    return start;
  }

  public long end() {
    return end;
  }

  public long bytes() {
    return end - start;
  }

  void setRange(long from, long to, long firstPgoff) {
    start = from;
    end = to;
    pgoff = firstPgoff;
  }

  /** {@link VmFlags}. */
  public long flags() {
    return flags;
  }

  void setFlags(long value) {
    flags = value;
  }

  /** Whether all of {@code bits} are set. */
  public boolean is(long bits) {
    return (flags & bits) == bits;
  }

  /** Of the first page, in the file or in the linear numbering of an anonymous mapping. */
  public long pgoff() {
    return pgoff;
  }

  /** The page number of an address, as {@link #pgoff} counts (linear_page_index). */
  public long pgoff(long address) {
    return pgoff + (address - start >> pageShift);
  }

  /** The address of a page number; it may lie outside. */
  public long address(long index) {
    return start + (index - pgoff << pageShift);
  }

  /** The file mapped, or null. */
  public OpenFile file() {
    return file;
  }

  /** Null for private anonymous memory. */
  public VmOps ops() {
    return ops;
  }

  /** vma_is_anonymous: private memory with no file behind it. */
  public boolean isAnonymous() {
    return ops == null;
  }

  /** Whether writes of this mapping make private copies (is_cow_mapping). */
  boolean isCow() {
    return (flags & (VmFlags.SHARED | VmFlags.MAYWRITE)) == VmFlags.MAYWRITE;
  }

  boolean isAccessible() {
    return (flags & VmFlags.ACCESS) != 0;
  }

  /** The userfaultfd it is registered with; null if none, and then no UFFD_ flag is set. */
  public UffdContext uffd() {
    return uffd;
  }

  /**
   * Registers it with a userfaultfd, or with none.
   *
   * @param modes UFFD_ flags of {@link VmFlags}
   */
  void setUffd(UffdContext context, long modes) {
    uffd = context;
    flags = flags & ~VmFlags.UFFD | modes;
  }

  /** Whether it is registered at all (userfaultfd_armed). */
  boolean isUffdArmed() {
    return (flags & VmFlags.UFFD) != 0;
  }

  /** Whether hugetlb pages are mapped (is_vm_hugetlb_page): Linux branches on it everywhere. */
  boolean isHugetlb() {
    return hugetlb != null;
  }

  /** What a mapping of hugetlb pages has beyond this, else null. */
  HugetlbVma hugetlb() {
    return hugetlb;
  }

  void setHugetlb(HugetlbVma value) {
    hugetlb = value;
  }

  /** Whether the mapping may be split at an address: hugetlb pages stay whole (may_split). */
  boolean maySplit(long address) {
    return hugetlb == null || hugetlb.size().isAligned(address);
  }

  /** What its file does for userfaultfd, or null: that of guest_memfd depends on the kernel. */
  UffdFileOps uffdOps() {
    if (ops == null
        || file != null
            && file.kind() == FileKind.GUEST_MEMFD
            && !mm.kernel().config().profile().guestMemfdUserfaultfd()) {
      return null;
    }
    return ops.uffd();
  }

  /**
   * Whether write protection by userfaultfd is noted where no page is (userfaultfd_wp_use_markers).
   */
  boolean usesUffdMarkers() {
    return is(VmFlags.UFFD_WP) && (!isAnonymous() || uffd.has(UffdFeature.WP_UNPOPULATED));
  }

  AnonVma anonVma() {
    return anonVma;
  }

  void setAnonVma(AnonVma value) {
    anonVma = value;
  }

  List<AnonVma> anonChain() {
    return anonChain;
  }

  /**
   * The rights of a new entry (vm_page_prot): a private page is read-only until it is known to be
   * the process's own, a shared one while the file tracks writes.
   */
  int entryRights() {
    if (!isAccessible()) {
      return 0;
    }
    boolean writable = (flags & VmFlags.SHARED) != 0 && is(VmFlags.WRITE) && !tracksWrites();
    return Protection.READ
        | (writable ? Protection.WRITE : 0)
        | (is(VmFlags.EXEC) ? Protection.EXEC : 0);
  }

  /** vma_wants_writenotify, apart from the protection. */
  boolean tracksWrites() {
    return ops != null && ops.tracksWrites() || (flags & VmFlags.UFFD_WP) != 0;
  }
}
