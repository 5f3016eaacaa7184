package dev.quire.lab.replay;

import dev.quire.kernel.filemap.ModelledFile;
import dev.quire.kernel.filemap.PageCache;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.vm.GuestMemfdFile;
import dev.quire.lab.replay.Handles.Description;

/** An open file of a session. */
final class FileDescription extends Description {
  private static final int PAGE_BYTES = PageRange.PAGE_BYTES;
  private static final int BLOCK_BYTES = 512;
  private static final int PERMISSIONS = 07777;

  private final FileType type;
  private final OpenFile file;
  private final OpenFile mapped;

  /** Null for a file that the KVM service did not make. */
  private final GuestMemfdFile service;

  private int mode;
  private long position;

  /** A file that was just made. */
  FileDescription(FileType type, OpenFile file) {
    this(type, file, file, null);
  }

  /** A guest_memfd of a VM. */
  FileDescription(GuestMemfdFile memory) {
    this(FileType.GMEM, memory.file(), memory.file(), memory);
  }

  private FileDescription(FileType type, OpenFile file, OpenFile mapped, GuestMemfdFile service) {
    this.service = service;
    this.type = type;
    this.file = file;
    this.mapped = mapped;
    this.mode = type.mode();
  }

  /** The file opened again. */
  FileDescription reopened(boolean writable) {
    file.get();
    return new FileDescription(type, file, writable ? file : new ReadOnlyFile(file), null);
  }

  FileType type() {
    return type;
  }

  /** For calls on the file. */
  OpenFile file() {
    return file;
  }

  /** For mappings: what they may do depends on how it was opened. */
  OpenFile mapped() {
    return mapped;
  }

  boolean writable() {
    return mapped.writable();
  }

  int mode() {
    return mode;
  }

  void setPermissions(int permissions) {
    mode = mode & ~PERMISSIONS | permissions;
  }

  /** lseek(2). */
  long seek(long offset, int whence) {
    long target = file.llseek(position, offset, whence);
    if (target >= 0) {
      position = target;
    }
    return target;
  }

  /** Where read(2) and write(2) go on. */
  long position() {
    return position;
  }

  void setPosition(long bytes) {
    position = bytes;
  }

  @Override
  Descriptor service() {
    return service == null ? super.service() : service;
  }

  @Override
  void release() {
    if (service == null) {
      file.put();
    } else {
      service.put();
    }
  }

  /** st_blocks: what the cache holds, in units of 512 bytes. */
  long blocks() {
    long pages = type == FileType.GMEM ? 0 : file.cachedPages();
    return pages * (PAGE_BYTES / BLOCK_BYTES);
  }

  /** The frame with a page of the file, or -1 if it is not in memory. */
  private long frame(long pgoff) {
    if (!(file instanceof ModelledFile modelled)) {
      return -1;
    }
    long folio = modelled.cache().get(pgoff);
    return folio == PageCache.NONE ? -1 : modelled.cache().page(folio, pgoff);
  }

  /** A byte of the file as a read(2) gives it. */
  int load(SessionBytes bytes, long offset) {
    long frame = frame(offset / PAGE_BYTES);
    return frame < 0 ? 0 : bytes.load(frame, (int) (offset % PAGE_BYTES));
  }
}
