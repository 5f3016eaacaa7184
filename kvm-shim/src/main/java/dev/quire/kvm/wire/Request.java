package dev.quire.kvm.wire;

/**
 * A request as it came. The frame was copied from the socket, so nothing changes under the reader.
 *
 * @param op its number, known or not
 * @param request meaning by op, as {@code argument} and {@code third}
 * @param tag of a descriptor sent along, or 0
 */
public record Request(
    int sequence,
    int op,
    int fd,
    long request,
    long argument,
    long third,
    int tag,
    int flags,
    SegmentList segments) {

  /**
   * Reads a frame.
   *
   * @param frame of the length that it says itself
   */
  public static Request parse(byte[] frame) throws BadFrameException {
    if (frame.length < Frames.REQUEST_BYTES) {
      throw new BadFrameException(
          BadFrameException.NO_SEQUENCE, "a request of " + frame.length + " bytes");
    }
    int sequence = Frames.getInt(frame, Frames.SEQUENCE);
    int count = Frames.getShort(frame, Frames.REQUEST_SEGMENTS);
    return new Request(
        sequence,
        Frames.getShort(frame, Frames.OP),
        Frames.getInt(frame, Frames.FD),
        Frames.getLong(frame, Frames.REQUEST),
        Frames.getLong(frame, Frames.ARGUMENT),
        Frames.getLong(frame, Frames.THIRD),
        Frames.getInt(frame, Frames.REQUEST_TAG),
        Frames.getInt(frame, Frames.REQUEST_FLAGS),
        SegmentList.parse(frame, Frames.REQUEST_BYTES, count, sequence, true));
  }
}
