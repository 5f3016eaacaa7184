package dev.quire.emulator.machine;

import dev.quire.kernel.mm.OpenFile;
import java.lang.foreign.MemorySegment;

/**
 * Where the bytes are that the host's kernel copies from user space and reads from disk, in pages
 * of 4 KiB. Machine thread only.
 */
public interface FrameSource {
  /** Knows no bytes. */
  FrameSource NONE =
      new FrameSource() {
        @Override
        public boolean isZero(long userAddress) {
          return true;
        }

        @Override
        public void read(long userAddress, MemorySegment target) {}

        @Override
        public boolean hasContent(OpenFile file) {
          return false;
        }

        @Override
        public boolean isZero(OpenFile file, long pgoff) {
          return true;
        }

        @Override
        public void readFile(OpenFile file, long pgoff, MemorySegment target) {}
      };

  /** Whether the page at an address of the calling process is known to hold nothing but zeros. */
  boolean isZero(long userAddress);

  /** Copies what is at an address of the calling process: as many bytes as the target has. */
  void read(long userAddress, MemorySegment target);

  /** Whether anybody cares what pages of a file hold. */
  boolean hasContent(OpenFile file);

  /** Whether a page of such a file is known to hold nothing but zeros. */
  boolean isZero(OpenFile file, long pgoff);

  /** Reads a page of such a file. */
  void readFile(OpenFile file, long pgoff, MemorySegment target);
}
