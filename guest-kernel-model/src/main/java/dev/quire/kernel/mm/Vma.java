package dev.quire.kernel.mm;

/**
 * One mapping of a process (struct vm_area_struct). Addresses in bytes, {@link #end} exclusive;
 * {@link #pgoff} in base pages. Changed by mm alone, on the kernel's thread.
 */
public final class Vma {
  private long start;
  private long end;
  private long flags;
  private long pgoff;
  private final OpenFile file;
  private final VmOps ops;

  Vma(long start, long end, long flags, long pgoff, OpenFile file, VmOps ops) {
    this.start = start;
    this.end = end;
    this.flags = flags;
    this.pgoff = pgoff;
    this.file = file;
    this.ops = ops;
  }

  public long start() {
    return start;
  }

  public long end() {
    return end;
  }

  /** {@link VmFlags}. */
  public long flags() {
    return flags;
  }

  /** Whether all of {@code bits} are set. */
  public boolean is(long bits) {
    return (flags & bits) == bits;
  }

  /** Of the first page, in the file or in the linear numbering of an anonymous mapping. */
  public long pgoff() {
    return pgoff;
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
}
