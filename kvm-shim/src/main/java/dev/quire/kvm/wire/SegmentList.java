package dev.quire.kvm.wire;

/**
 * The segments of a frame: pieces of a client's memory, each an address and bytes. Those of a frame
 * that came are views of it, checked: they lie in the frame and fill it. Not thread-safe.
 */
public final class SegmentList {
  private static final long[] NO_LONGS = {};
  private static final int[] NO_INTS = {};

  private final byte[] frame;
  private final long[] addresses;
  private final int[] offsets;
  private final int[] lengths;

  private SegmentList(byte[] frame, int count) {
    this.frame = frame;
    addresses = count == 0 ? NO_LONGS : new long[count];
    offsets = count == 0 ? NO_INTS : new int[count];
    lengths = count == 0 ? NO_INTS : new int[count];
  }

  /**
   * Reads those of a frame, from {@code start} to its end.
   *
   * @param apart whether they must not overlap
   */
  static SegmentList parse(byte[] frame, int start, int count, int sequence, boolean apart)
      throws BadFrameException {
    if (count > Frames.MAX_SEGMENTS) {
      throw new BadFrameException(sequence, count + " segments; at most " + Frames.MAX_SEGMENTS);
    }
    SegmentList list = new SegmentList(frame, count);
    int at = start;
    for (int i = 0; i < count; i++) {
      if (frame.length - at < Frames.SEGMENT_BYTES) {
        throw new BadFrameException(sequence, "segment " + i + " lies behind the frame's end");
      }
      int bytes = Frames.getInt(frame, at + 8);
      int room = frame.length - at - Frames.SEGMENT_BYTES;
      if (bytes < 0 || bytes > room || Frames.padded(bytes) > room) {
        throw new BadFrameException(
            sequence, "segment " + i + " of " + Integer.toUnsignedLong(bytes) + " bytes is cut");
      }
      if (Frames.getInt(frame, at + 12) != 0) {
        throw new BadFrameException(sequence, "segment " + i + ": bytes 12 to 15 are not 0");
      }
      list.addresses[i] = Frames.getLong(frame, at);
      list.offsets[i] = at + Frames.SEGMENT_BYTES;
      list.lengths[i] = bytes;
      at += Frames.SEGMENT_BYTES + Frames.padded(bytes);
    }
    if (at != frame.length) {
      throw new BadFrameException(sequence, frame.length - at + " bytes behind the segments");
    }
    if (apart) {
      list.checkApart(sequence);
    }
    return list;
  }

  private void checkApart(int sequence) throws BadFrameException {
    for (int i = 0; i < addresses.length; i++) {
      for (int j = 0; j < i; j++) {
        long low = addresses[i] - addresses[j];
        long high = addresses[j] - addresses[i];
        if (lengths[i] > 0
            && lengths[j] > 0
            && (Long.compareUnsigned(low, lengths[j]) < 0
                || Long.compareUnsigned(high, lengths[i]) < 0)) {
          throw new BadFrameException(sequence, "segments " + j + " and " + i + " overlap");
        }
      }
    }
  }

  public int count() {
    return addresses.length;
  }

  public long address(int segment) {
    return addresses[segment];
  }

  /** How many bytes it has. */
  public int bytes(int segment) {
    return lengths[segment];
  }

  /** The array with its bytes: of {@link #bytes} from {@link #offset} on, nothing else. */
  public byte[] array() {
    return frame;
  }

  public int offset(int segment) {
    return offsets[segment];
  }

  /** A copy of its bytes. */
  public byte[] copy(int segment) {
    byte[] copy = new byte[lengths[segment]];
    System.arraycopy(frame, offsets[segment], copy, 0, copy.length);
    return copy;
  }

  /**
   * Copies from an address on, across segments that adjoin.
   *
   * @return false, perhaps with a part copied, if a byte is in none
   */
  public boolean read(long address, byte[] target, int offset, int bytes) {
    int done = 0;
    while (done < bytes) {
      int step = readPart(address + done, target, offset + done, bytes - done);
      if (step == 0) {
        return false;
      }
      done += step;
    }
    return true;
  }

  private int readPart(long address, byte[] target, int offset, int bytes) {
    for (int i = 0; i < addresses.length; i++) {
      long from = address - addresses[i];
      if (from >= 0 && from < lengths[i]) {
        int count = (int) Math.min(bytes, lengths[i] - from);
        System.arraycopy(frame, offsets[i] + (int) from, target, offset, count);
        return count;
      }
    }
    return 0;
  }
}
