package dev.quire.kvm.wire;

/**
 * A reply as it came.
 *
 * @param result of the call, or -errno
 * @param value a second result of some operations
 * @param flags {@link Frames#MORE}
 * @param tag of a descriptor that was sent before, or 0
 */
public record Reply(
    int sequence, long result, long value, int flags, int tag, SegmentList segments) {

  /** Reads a frame of the length that it says itself. */
  public static Reply parse(byte[] frame) throws BadFrameException {
    if (frame.length < Frames.REPLY_BYTES) {
      throw new BadFrameException(
          BadFrameException.NO_SEQUENCE, "a reply of " + frame.length + " bytes");
    }
    int sequence = Frames.getInt(frame, Frames.SEQUENCE);
    int count = Frames.getShort(frame, Frames.REPLY_SEGMENTS);
    return new Reply(
        sequence,
        Frames.getLong(frame, Frames.RESULT),
        Frames.getLong(frame, Frames.VALUE),
        Frames.getShort(frame, Frames.REPLY_FLAGS),
        Frames.getInt(frame, Frames.REPLY_TAG),
        SegmentList.parse(frame, Frames.REPLY_BYTES, count, sequence, false));
  }
}
