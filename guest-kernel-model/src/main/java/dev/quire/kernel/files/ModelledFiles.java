package dev.quire.kernel.files;

import dev.quire.kernel.filemap.Ext4File;
import dev.quire.kernel.filemap.FileServices;
import dev.quire.kernel.filemap.FileSettings;
import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.filemap.HugetlbFile;
import dev.quire.kernel.filemap.LentFile;
import dev.quire.kernel.filemap.MappingUpdates;
import dev.quire.kernel.filemap.ShmemFile;
import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.gmem.GuestMemfdUser;
import dev.quire.kernel.gmem.SharedBytes;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.FileMappings;
import dev.quire.kernel.mm.FileSystems;
import dev.quire.kernel.mm.Hugetlb;
import dev.quire.kernel.mm.HugetlbSize;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.OpenFile;

/**
 * The files that a modelled kernel can open: shmem, ext4, guest_memfd and hugetlb. A guest_memfd
 * may be mapped and touched. Used on the kernel's thread.
 */
public final class ModelledFiles implements FileSystems {
  private static final long READAHEAD_BYTES = 8 << 20;

  /** Executable text is preferred in 64 KiB (arm64's exec_folio_order). */
  private static final int EXECUTABLE_SHIFT = 16;

  private final FileServices services;
  private final GrabDesign guestMemfdWrite;

  /** As Linux v6.18 has them. */
  public ModelledFiles(FileServices services) {
    this(services, null);
  }

  /**
   * @param guestMemfdWrite how write(2) populates a guest_memfd, or null where it may not
   */
  public ModelledFiles(FileServices services, GrabDesign guestMemfdWrite) {
    this.services = services;
    this.guestMemfdWrite = guestMemfdWrite;
  }

  /** The files of a kernel, on a disk with 8 MiB of readahead. */
  public static ModelledFiles of(Kernel kernel) {
    boolean write = kernel.config().profile().guestMemfdWrite();
    return of(
        kernel,
        (int) Math.max(1, READAHEAD_BYTES >>> kernel.pageShift()),
        write ? GrabDesign.BATCHED : null);
  }

  /**
   * The files of a kernel.
   *
   * @param readaheadPages of the disk; Linux's default are 128 KiB
   * @param guestMemfdWrite how write(2) populates a guest_memfd, or null where it may not
   */
  public static ModelledFiles of(Kernel kernel, int readaheadPages, GrabDesign guestMemfdWrite) {
    KernelConfig config = kernel.config();
    int executableOrder =
        config.executableFolios() ? Math.max(0, EXECUTABLE_SHIFT - kernel.pageShift()) : 0;
    FileSettings settings =
        new FileSettings(
            kernel.pageShift(), config.pmdOrder(), readaheadPages, executableOrder, config.thp());
    return new ModelledFiles(
        new FileServices(
            kernel.folios(),
            kernel.counters(),
            settings,
            new KernelMappings(kernel),
            kernel.contents()),
        guestMemfdWrite);
  }

  private record KernelMappings(Kernel kernel) implements MappingUpdates {
    @Override
    public void unmap(FileMappings mappings, long firstPgoff, long pages, boolean privateCopies) {
      kernel.unmapMappingRange(mappings, firstPgoff, pages, privateCopies);
    }

    @Override
    public void clean(FileMappings mappings, long firstPgoff, long pages) {
      kernel.cleanMappingRange(mappings, firstPgoff, pages);
    }
  }

  /**
   * KVM_CREATE_GUEST_MEMFD for a VM.
   *
   * @param flags that {@link GuestMemfd#creationError} finds nothing wrong with
   */
  public GuestMemfd guestMemfd(GuestMemfdUser vm, long pages, int flags) {
    return new GuestMemfd(services, pages, flags, guestMemfdWrite, vm);
  }

  /**
   * The same, whose bytes a process that the kernel does not model can have mapped.
   *
   * @param bytes in frames that the page allocator does not have
   */
  public GuestMemfd guestMemfd(GuestMemfdUser vm, long pages, int flags, SharedBytes bytes) {
    return GuestMemfd.shared(services, pages, flags, guestMemfdWrite, vm, bytes);
  }

  /**
   * A memfd whose bytes a client shares: its pages are the frames from {@code firstPfn} on, which
   * the page allocator does not have and nobody else uses while the file is open or mapped.
   */
  public OpenFile lent(long firstPfn, long pages) {
    return new LentFile(services, firstPfn, pages);
  }

  @Override
  public OpenFile open(FileKind kind, long pages) {
    if (pages < 0 || pages > Long.MAX_VALUE >>> services.settings().pageShift()) {
      throw new IllegalArgumentException("a file of " + pages + " pages");
    }
    return switch (kind) {
      case MEMFD, TMPFS, SHARED_ANONYMOUS -> new ShmemFile(kind, services, pages);
      case EXT4 -> new Ext4File(services, pages);
      case GUEST_MEMFD ->
          new GuestMemfd(
              services, pages, GuestMemfd.MMAP | GuestMemfd.INIT_SHARED, guestMemfdWrite);
      case HUGETLB ->
          throw new IllegalArgumentException("openHugetlb opens files of hugetlb pages");
    };
  }

  @Override
  public OpenFile openHugetlb(Hugetlb hugetlb, HugetlbSize size, long pages) {
    return new HugetlbFile(services, hugetlb, size, pages);
  }
}
