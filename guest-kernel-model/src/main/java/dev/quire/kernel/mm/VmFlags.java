package dev.quire.kernel.mm;

/** Flags of a {@link Vma}, with Linux's values (v6.18 include/linux/mm.h). */
public final class VmFlags {
  public static final long READ = 0x1;
  public static final long WRITE = 0x2;
  public static final long EXEC = 0x4;
  public static final long SHARED = 0x8;
  public static final long MAYREAD = 0x10;
  public static final long MAYWRITE = 0x20;
  public static final long MAYEXEC = 0x40;
  public static final long MAYSHARE = 0x80;
  public static final long GROWSDOWN = 0x100;
  public static final long UFFD_MISSING = 0x200;
  public static final long PFNMAP = 0x400;

  /** Guard regions may lie in it: sticky, set by MADV_GUARD_INSTALL. */
  public static final long MAYBE_GUARD = 0x800;

  public static final long UFFD_WP = 0x1000;
  public static final long LOCKED = 0x2000;
  public static final long IO = 0x4000;
  public static final long SEQ_READ = 0x8000;
  public static final long RAND_READ = 0x1_0000;
  public static final long DONTCOPY = 0x2_0000;
  public static final long DONTEXPAND = 0x4_0000;
  public static final long LOCKONFAULT = 0x8_0000;
  public static final long ACCOUNT = 0x10_0000;
  public static final long NORESERVE = 0x20_0000;
  public static final long HUGETLB = 0x40_0000;
  public static final long SYNC = 0x80_0000;
  public static final long WIPEONFORK = 0x200_0000;
  public static final long DONTDUMP = 0x400_0000;
  public static final long SOFTDIRTY = 0x800_0000;
  public static final long MIXEDMAP = 0x1000_0000;
  public static final long HUGEPAGE = 0x2000_0000;
  public static final long NOHUGEPAGE = 0x4000_0000;
  public static final long MERGEABLE = 0x8000_0000L;
  public static final long UFFD_MINOR = 1L << 41;

  /** READ, WRITE and EXEC. */
  public static final long ACCESS = READ | WRITE | EXEC;

  /** VMAs of these kinds are never merged (VM_SPECIAL). */
  public static final long SPECIAL = IO | DONTEXPAND | PFNMAP | MIXEDMAP;

  public static final long UFFD = UFFD_MISSING | UFFD_WP | UFFD_MINOR;

  private VmFlags() {}
}
