package dev.quire.kernel.filemap;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.FileSystems;
import dev.quire.kernel.mm.OpenFile;

/**
 * The files that a modelled kernel can open: shmem, ext4 and guest_memfd. A guest_memfd may be
 * mapped and touched. Used on the kernel's thread.
 */
public final class ModelledFiles implements FileSystems {
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
    };
  }
}
