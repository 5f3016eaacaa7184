package dev.quire.emulator.restore;

import dev.quire.emulator.machine.FrameSource;
import dev.quire.kernel.mm.OpenFile;
import java.lang.foreign.MemorySegment;

/** Answers the kernel's copies from user space and reads of files with a snapshot's bytes. */
final class SnapshotBytes implements FrameSource {
  private final SnapshotSource source;

  /** The memory file where the guest maps it itself; else nobody sees its cached pages. */
  private OpenFile mapped;

  SnapshotBytes(SnapshotSource source) {
    this.source = source;
  }

  /** From now on the cached pages of the memory file hold its bytes. */
  void guestMapsFile() {
    mapped = source.file();
  }

  @Override
  public boolean isZero(long userAddress) {
    return source.isZero(userAddress);
  }

  @Override
  public void read(long userAddress, MemorySegment target) {
    source.read(userAddress, target);
  }

  @Override
  public boolean hasContent(OpenFile file) {
    return file == mapped;
  }

  @Override
  public boolean isZero(OpenFile file, long pgoff) {
    return source.isZeroInFile(pgoff);
  }

  @Override
  public void readFile(OpenFile file, long pgoff, MemorySegment target) {
    source.readFile(pgoff, target);
  }
}
