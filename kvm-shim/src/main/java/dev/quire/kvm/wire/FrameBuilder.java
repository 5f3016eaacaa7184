package dev.quire.kvm.wire;

import java.util.Arrays;

/** Puts a frame together: header, then segments. Reusable; not thread-safe. */
public final class FrameBuilder {
  private static final int FIRST_BYTES = 256;

  private final int limitBytes;
  private byte[] frame = new byte[FIRST_BYTES];
  private int length;
  private int segments;
  private int segmentsAt;

  /** Where the last segment begins, or 0. */
  private int lastSegment;

  /**
   * @param limitBytes of a frame
   */
  public FrameBuilder(int limitBytes) {
    this.limitBytes = limitBytes;
  }

  /** Begins a request. */
  public FrameBuilder request(
      int sequence, Op op, int fd, long request, long argument, long third) {
    begin(Frames.REQUEST_BYTES, sequence);
    Frames.putShort(frame, Frames.OP, op.ordinal());
    Frames.putInt(frame, Frames.FD, fd);
    Frames.putLong(frame, Frames.REQUEST, request);
    Frames.putLong(frame, Frames.ARGUMENT, argument);
    Frames.putLong(frame, Frames.THIRD, third);
    segmentsAt = Frames.REQUEST_SEGMENTS;
    return this;
  }

  /** Tag and flags of a request. */
  public FrameBuilder with(int tag, int flags) {
    Frames.putInt(frame, Frames.REQUEST_TAG, tag);
    Frames.putInt(frame, Frames.REQUEST_FLAGS, flags);
    return this;
  }

  /** Begins a reply. */
  public FrameBuilder reply(int sequence, long result, long value, int flags, int tag) {
    begin(Frames.REPLY_BYTES, sequence);
    Frames.putLong(frame, Frames.RESULT, result);
    Frames.putLong(frame, Frames.VALUE, value);
    Frames.putShort(frame, Frames.REPLY_FLAGS, flags);
    Frames.putInt(frame, Frames.REPLY_TAG, tag);
    segmentsAt = Frames.REPLY_SEGMENTS;
    return this;
  }

  private void begin(int headerBytes, int sequence) {
    Arrays.fill(frame, 0, headerBytes, (byte) 0);
    Frames.putInt(frame, Frames.SEQUENCE, sequence);
    length = headerBytes;
    segments = 0;
    lastSegment = 0;
  }

  /** Whether a segment of so many bytes still fits. */
  public boolean fits(long bytes) {
    return segments < Frames.MAX_SEGMENTS
        && bytes <= limitBytes
        && length + Frames.SEGMENT_BYTES + Frames.padded((int) bytes) <= limitBytes;
  }

  /**
   * Adds a segment.
   *
   * @throws IllegalArgumentException if it does not fit
   */
  public FrameBuilder segment(long address, byte[] source, int offset, int bytes) {
    int at = room(address, bytes);
    System.arraycopy(source, offset, frame, at, bytes);
    return this;
  }

  /** Adds a segment of zeros: where they are in {@link #array}, to be overwritten. */
  public int room(long address, int bytes) {
    if (!fits(bytes)) {
      throw new IllegalArgumentException(
          "a segment of " + bytes + " bytes more than fit a frame of " + limitBytes);
    }
    int at = length + Frames.SEGMENT_BYTES;
    int end = at + Frames.padded(bytes);
    reserve(end);
    Arrays.fill(frame, at, end, (byte) 0);
    Frames.putLong(frame, length, address);
    Frames.putInt(frame, length + 8, bytes);
    Frames.putInt(frame, length + 12, 0);
    lastSegment = length;
    length = end;
    segments++;
    return at;
  }

  /**
   * Adds bytes that may adjoin the last segment, and then lengthen it: a call that writes a list
   * entry by entry gives one segment.
   *
   * @return false if they do not fit
   */
  public boolean append(long address, byte[] source, int offset, int bytes) {
    int last = lastSegment == 0 ? 0 : Frames.getInt(frame, lastSegment + 8);
    if (lastSegment == 0 || Frames.getLong(frame, lastSegment) + last != address) {
      if (!fits(bytes)) {
        return false;
      }
      segment(address, source, offset, bytes);
      return true;
    }
    int data = lastSegment + Frames.SEGMENT_BYTES;
    if (bytes > limitBytes - data - last - Long.BYTES) {
      return false;
    }
    int end = data + Frames.padded(last + bytes);
    reserve(end);
    Arrays.fill(frame, length, Math.max(length, end), (byte) 0);
    System.arraycopy(source, offset, frame, data + last, bytes);
    Frames.putInt(frame, lastSegment + 8, last + bytes);
    length = end;
    return true;
  }

  private void reserve(int end) {
    if (end > frame.length) {
      frame = Arrays.copyOf(frame, Math.min(limitBytes, Math.max(end, 2 * frame.length)));
    }
  }

  /** Sets what was not known when the reply began. */
  public void result(long result, long value, int tag) {
    Frames.putLong(frame, Frames.RESULT, result);
    Frames.putLong(frame, Frames.VALUE, value);
    Frames.putInt(frame, Frames.REPLY_TAG, tag);
  }

  /** Ends the frame: {@link #array} holds it in its first bytes, as many as are returned. */
  public int finish() {
    Frames.putInt(frame, Frames.LENGTH, length);
    Frames.putShort(frame, segmentsAt, segments);
    return length;
  }

  public byte[] array() {
    return frame;
  }
}
