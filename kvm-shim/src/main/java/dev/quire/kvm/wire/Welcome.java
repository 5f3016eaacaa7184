package dev.quire.kvm.wire;

import java.util.Arrays;

/**
 * What the service answers to a {@link Hello} that it accepts.
 *
 * @param features {@link #PASSES_DESCRIPTORS}, {@link #WATCHES}
 * @param process to join with
 * @param cookie likewise; random
 * @param limits of the process
 */
public record Welcome(
    int version, int architecture, int features, long process, byte[] cookie, Limits limits) {
  public static final int PASSES_DESCRIPTORS = 1;
  public static final int WATCHES = 2;
  public static final int BYTES = 80;

  private static final int COOKIE = 24;

  /** Reads the segment of a reply to HELLO. */
  public static Welcome parse(Reply reply) throws BadFrameException {
    SegmentList segments = reply.segments();
    byte[] bytes = segments.count() == 1 ? segments.copy(0) : new byte[0];
    if (bytes.length != BYTES || Frames.getLong(bytes, 0) != Frames.MAGIC) {
      throw new BadFrameException(reply.sequence(), "the answer to HELLO is none");
    }
    return new Welcome(
        Frames.getShort(bytes, 8),
        Frames.getShort(bytes, 10),
        Frames.getInt(bytes, 12),
        Frames.getLong(bytes, 16),
        Arrays.copyOfRange(bytes, COOKIE, COOKIE + Hello.COOKIE_BYTES),
        new Limits(
            Frames.getInt(bytes, 40),
            Frames.getInt(bytes, 44),
            Frames.getInt(bytes, 48),
            Frames.getInt(bytes, 52),
            Frames.getLong(bytes, 56),
            Frames.getInt(bytes, 64)));
  }

  /** The segment. */
  public byte[] toBytes() {
    byte[] bytes = new byte[BYTES];
    Frames.putLong(bytes, 0, Frames.MAGIC);
    Frames.putShort(bytes, 8, version);
    Frames.putShort(bytes, 10, architecture);
    Frames.putInt(bytes, 12, features);
    Frames.putLong(bytes, 16, process);
    System.arraycopy(cookie, 0, bytes, COOKIE, Hello.COOKIE_BYTES);
    Frames.putInt(bytes, 40, limits.frameBytes());
    Frames.putInt(bytes, 44, limits.calls());
    Frames.putInt(bytes, 48, limits.vms());
    Frames.putInt(bytes, 52, limits.vcpus());
    Frames.putLong(bytes, 56, limits.memoryBytes());
    Frames.putInt(bytes, 64, limits.descriptors());
    Frames.putInt(bytes, 68, Frames.PAGE_BYTES);
    return bytes;
  }
}
