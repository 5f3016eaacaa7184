package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.FaultContext;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.UffdFileOps;
import dev.quire.kernel.mm.VmOps;
import dev.quire.kernel.mm.Vma;

/**
 * A file that is shmem for mm: faults are served round about, and a userfaultfd may have any of its
 * mappings. Used on the kernel's thread.
 */
abstract class ShmemLike extends ModelledFile implements VmOps, UffdFileOps {
  private final FaultAround around = new FaultAround(this, true);

  ShmemLike(FileKind kind, FileServices services, long pages) {
    super(kind, services, pages);
  }

  @Override
  public final VmOps operations(long vmFlags) {
    return this;
  }

  @Override
  public final boolean isShmem() {
    return true;
  }

  @Override
  public final boolean faultsAround() {
    return true;
  }

  @Override
  public final int mapPages(FaultContext fault, long firstPgoff, long lastPgoff) {
    return around.map(fault, firstPgoff, lastPgoff);
  }

  @Override
  public final UffdFileOps uffd() {
    return this;
  }

  @Override
  public final boolean canRegister(Vma vma, long modes) {
    return true;
  }
}
