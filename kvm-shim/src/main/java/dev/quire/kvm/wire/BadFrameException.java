package dev.quire.kvm.wire;

/** What came is no frame of the protocol: the socket it came on is of no more use. */
public final class BadFrameException extends Exception {
  private static final long serialVersionUID = 1L;

  /** The sequence of a frame without a readable header. */
  public static final int NO_SEQUENCE = -1;

  private final int sequence;

  public BadFrameException(int sequence, String message) {
    super(message, null, false, false);
    this.sequence = sequence;
  }

  /** Of the frame, or {@link #NO_SEQUENCE}. */
  public int sequence() {
    return sequence;
  }
}
