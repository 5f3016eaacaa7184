package dev.quire.kvm.server;

import dev.quire.kvm.fd.UserMemory;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.SegmentList;

/**
 * The client's memory as one call sees it: what the request brought can be read, and what the call
 * writes goes into the reply. On the process's thread.
 */
final class FrameMemory implements UserMemory {
  private final FrameBuilder reply;
  private SegmentList readable;

  FrameMemory(FrameBuilder reply) {
    this.reply = reply;
  }

  /** The call that follows may read these. */
  void begin(SegmentList segments) {
    readable = segments;
  }

  @Override
  public boolean read(long address, byte[] target, int offset, int bytes) {
    return readable.read(address, target, offset, bytes);
  }

  @Override
  public boolean write(long address, byte[] source, int offset, int bytes) {
    if (bytes < 0 || address >= 0 && address + bytes < 0 || address >>> 63 != 0) {
      return false;
    }
    return reply.append(address, source, offset, bytes);
  }

  /** Room in the reply for a client's buffer: where to put the bytes, or -1 (EFAULT). */
  int room(long address, long bytes) {
    return bytes >= 0 && bytes <= Frames.DEFAULT_LIMIT_BYTES && reply.fits(bytes)
        ? reply.room(address, (int) bytes)
        : -1;
  }
}
