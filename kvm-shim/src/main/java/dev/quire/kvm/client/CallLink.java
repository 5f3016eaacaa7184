package dev.quire.kvm.client;

import dev.quire.kvm.wire.BadFrameException;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Op;
import dev.quire.kvm.wire.Reply;
import java.io.IOException;
import java.util.Arrays;

/** One call socket: one call at a time, but for kicks, which come from other threads. */
final class CallLink implements AutoCloseable {
  private static final int FIRST_BYTES = 256;

  private final ByteLink link;
  private final int limitBytes;
  private final FrameBuilder builder;
  private final byte[] received = new byte[FIRST_BYTES];
  private int sequence;

  /** The call under way that a kick may end; 0 if there is none. */
  private volatile int kickable;

  CallLink(ByteLink link, int limitBytes) {
    this.link = link;
    this.limitBytes = limitBytes;
    this.builder = new FrameBuilder(limitBytes);
  }

  /** Begins the next request. */
  FrameBuilder begin(Op op, int fd, long request, long argument, long third) {
    sequence = Math.max(1, sequence + 1 & Integer.MAX_VALUE);
    return builder.request(sequence, op, fd, request, argument, third);
  }

  /** Adds a segment to what was begun. */
  void segment(long address, byte[] source, int bytes) {
    builder.segment(address, source, 0, bytes);
  }

  /** Sends what was begun and waits for its reply. */
  Reply call() throws IOException {
    int bytes = builder.finish();
    link.write(builder.array(), bytes);
    return receive();
  }

  /** The same where {@link #kick} may end it. */
  Reply callKickable() throws IOException {
    int bytes = builder.finish();
    link.write(builder.array(), bytes);
    kickable = sequence;
    try {
      return receive();
    } finally {
      kickable = 0;
    }
  }

  /** Has the kickable call under way end, if there is one. Any thread. */
  boolean kick() throws IOException {
    int target = kickable;
    if (target == 0) {
      return false;
    }
    FrameBuilder kick = new FrameBuilder(Frames.DEFAULT_LIMIT_BYTES);
    int bytes = kick.request(0, Op.KICK, -1, target, 0, 0).finish();
    link.write(kick.array(), bytes);
    return true;
  }

  private Reply receive() throws IOException {
    // No reply comes before its call, so all that comes is of this one.
    int got = read(received, 0, Frames.REPLY_BYTES, received.length);
    int length = Frames.getInt(received, 0);
    if (length < Math.max(got, Frames.REPLY_BYTES) || length > limitBytes) {
      throw new IOException("a reply of " + Integer.toUnsignedLong(length) + " bytes");
    }
    byte[] frame = Arrays.copyOf(received, length);
    read(frame, got, length, length);
    try {
      Reply reply = Reply.parse(frame);
      if (reply.sequence() != sequence) {
        throw new IOException("a reply to call " + reply.sequence() + ", not " + sequence);
      }
      return reply;
    } catch (BadFrameException e) {
      throw new IOException(e);
    }
  }

  /**
   * Reads on.
   *
   * @return how many bytes there are then, from {@code least} to {@code most}
   */
  private int read(byte[] target, int from, int least, int most) throws IOException {
    int got = from;
    while (got < least) {
      got += link.read(target, got, most - got);
    }
    return got;
  }

  @Override
  public void close() throws IOException {
    link.close();
  }
}
