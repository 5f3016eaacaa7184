package dev.quire.kvm.client;

import dev.quire.kvm.wire.BadFrameException;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Op;
import dev.quire.kvm.wire.Reply;
import java.io.IOException;

/** One call socket: one call at a time, but for kicks, which come from other threads. */
final class CallLink implements AutoCloseable {
  private final ByteLink link;
  private final int limitBytes;
  private final FrameBuilder builder;
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
    byte[] head = new byte[Integer.BYTES];
    link.read(head, 0, head.length);
    int length = Frames.getInt(head, 0);
    if (length < Frames.REPLY_BYTES || length > limitBytes) {
      throw new IOException("a reply of " + Integer.toUnsignedLong(length) + " bytes");
    }
    byte[] frame = new byte[length];
    System.arraycopy(head, 0, frame, 0, head.length);
    link.read(frame, head.length, length - head.length);
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

  @Override
  public void close() throws IOException {
    link.close();
  }
}
