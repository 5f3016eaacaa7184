package dev.quire.kvm.wire;

import java.util.Arrays;

/**
 * What a client says first on each socket.
 *
 * @param architecture of its structs
 * @param role {@link #CALLS} or {@link #DESCRIPTORS}
 * @param access SHA-256 of the access token, or zeros
 * @param process 0, or the one to join
 * @param cookie of the process to join
 */
public record Hello(
    int lowestVersion,
    int highestVersion,
    int architecture,
    int role,
    int pid,
    byte[] access,
    long process,
    byte[] cookie) {
  public static final int X86_64 = 1;
  public static final int ARM64 = 2;
  public static final int CALLS = 0;
  public static final int DESCRIPTORS = 1;
  public static final int BYTES = 88;
  public static final int ACCESS_BYTES = 32;
  public static final int COOKIE_BYTES = 16;

  private static final int ACCESS = 24;
  private static final int PROCESS = 56;
  private static final int COOKIE = 64;

  /** Reads the segment of a HELLO request. */
  public static Hello parse(Request frame) throws BadFrameException {
    SegmentList segments = frame.segments();
    if (frame.op() != Op.HELLO.ordinal()
        || segments.count() != 1
        || segments.bytes(0) != BYTES
        || segments.address(0) != 0) {
      throw new BadFrameException(frame.sequence(), "the first frame is no HELLO");
    }
    byte[] bytes = segments.copy(0);
    if (Frames.getLong(bytes, 0) != Frames.MAGIC || Frames.getInt(bytes, 20) != 0) {
      throw new BadFrameException(frame.sequence(), "HELLO without its magic");
    }
    return new Hello(
        Frames.getShort(bytes, 8),
        Frames.getShort(bytes, 10),
        Frames.getShort(bytes, 12),
        Frames.getShort(bytes, 14),
        Frames.getInt(bytes, 16),
        Arrays.copyOfRange(bytes, ACCESS, ACCESS + ACCESS_BYTES),
        Frames.getLong(bytes, PROCESS),
        Arrays.copyOfRange(bytes, COOKIE, COOKIE + COOKIE_BYTES));
  }

  /** The segment. */
  public byte[] toBytes() {
    byte[] bytes = new byte[BYTES];
    Frames.putLong(bytes, 0, Frames.MAGIC);
    Frames.putShort(bytes, 8, lowestVersion);
    Frames.putShort(bytes, 10, highestVersion);
    Frames.putShort(bytes, 12, architecture);
    Frames.putShort(bytes, 14, role);
    Frames.putInt(bytes, 16, pid);
    System.arraycopy(access, 0, bytes, ACCESS, ACCESS_BYTES);
    Frames.putLong(bytes, PROCESS, process);
    System.arraycopy(cookie, 0, bytes, COOKIE, COOKIE_BYTES);
    return bytes;
  }
}
