package dev.quire.lab.replay;

import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.FileMappings;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.VmOps;

/** A file that was opened once more, for reading only. */
record ReadOnlyFile(OpenFile file) implements OpenFile {
  @Override
  public FileKind kind() {
    return file.kind();
  }

  @Override
  public long size() {
    return file.size();
  }

  @Override
  public boolean writable() {
    return false;
  }

  @Override
  public boolean noExec() {
    return file.noExec();
  }

  @Override
  public FileMappings mappings() {
    return file.mappings();
  }

  @Override
  public VmOps operations(long vmFlags) {
    return file.operations(vmFlags);
  }

  @Override
  public long mmapError(long vmFlags, long offset, long bytes) {
    return file.mmapError(vmFlags, offset, bytes);
  }

  @Override
  public long write(long offset, long bytes, long userAddress) {
    return file.write(offset, bytes, userAddress);
  }

  @Override
  public long read(long offset, long bytes) {
    return file.read(offset, bytes);
  }

  @Override
  public boolean hasPread() {
    return file.hasPread();
  }

  @Override
  public boolean hasPwrite() {
    return file.hasPwrite();
  }

  @Override
  public long llseek(long position, long offset, int whence) {
    return file.llseek(position, offset, whence);
  }

  @Override
  public long fallocate(int mode, long offset, long bytes) {
    return file.fallocate(mode, offset, bytes);
  }

  @Override
  public long truncate(long bytes) {
    return file.truncate(bytes);
  }

  @Override
  public long fsync() {
    return file.fsync();
  }

  @Override
  public long dropCache(long offset, long bytes) {
    return file.dropCache(offset, bytes);
  }

  @Override
  public long willNeed(long offset, long bytes) {
    return file.willNeed(offset, bytes);
  }

  @Override
  public long cachedPages() {
    return file.cachedPages();
  }

  @Override
  public boolean cached(long pgoff) {
    return file.cached(pgoff);
  }

  @Override
  public long collapse(long pgoff) {
    return file.collapse(pgoff);
  }

  @Override
  public void replaceFolio(long folio, long by) {
    file.replaceFolio(folio, by);
  }

  @Override
  public long hugeFolio(long pgoff) {
    return file.hugeFolio(pgoff);
  }

  @Override
  public void get() {
    file.get();
  }

  @Override
  public void put() {
    file.put();
  }
}
