package dev.quire.kvm.server;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;

/**
 * The two buffers of a socket: one to receive into and one to send from, each used again whenever
 * nobody holds it, so that a call touches the same few cache lines as the one before. What does not
 * fit, or comes while the last is still held, gets a buffer of its own. On the socket's thread.
 */
final class SocketBuffers implements RecvByteBufAllocator {
  private static final int BYTES = 2048;

  private final RecvByteBufAllocator sizes = new AdaptiveRecvByteBufAllocator();
  private final ByteBuf received;
  private final ByteBuf sent;
  private boolean released;

  private SocketBuffers(ByteBufAllocator allocator) {
    received = allocator.directBuffer(BYTES, BYTES);
    sent = allocator.directBuffer(BYTES, BYTES);
  }

  /** Gives a socket its buffers for as long as it is open. */
  static void attach(Channel socket) {
    SocketBuffers buffers = new SocketBuffers(socket.alloc());
    socket.config().setRecvByteBufAllocator(buffers);
    socket.closeFuture().addListener(closed -> buffers.release());
  }

  /** Those of a socket that got some. */
  static SocketBuffers of(Channel socket) {
    return (SocketBuffers) socket.config().getRecvByteBufAllocator();
  }

  private void release() {
    released = true;
    received.release();
    sent.release();
  }

  /** Whether nobody holds it but this. */
  private boolean isFree(ByteBuf buffer) {
    return !released && buffer.refCnt() == 1;
  }

  /** A buffer to be written, with so many bytes of an array. */
  ByteBuf holding(ByteBufAllocator allocator, byte[] array, int bytes) {
    ByteBuf buffer =
        bytes <= BYTES && isFree(sent)
            ? sent.retain().clear()
            : allocator.directBuffer(bytes, bytes);
    return buffer.writeBytes(array, 0, bytes);
  }

  @Override
  public ExtendedHandle newHandle() {
    return new ReusingHandle((ExtendedHandle) sizes.newHandle());
  }

  /** Guesses as the one it asks, and gives {@link #received} where that is large enough. */
  private final class ReusingHandle extends DelegatingHandle implements ExtendedHandle {
    private final ExtendedHandle guesses;

    ReusingHandle(ExtendedHandle guesses) {
      super(guesses);
      this.guesses = guesses;
    }

    @Override
    public ByteBuf allocate(ByteBufAllocator allocator) {
      return guess() <= BYTES && isFree(received)
          ? received.retain().clear()
          : super.allocate(allocator);
    }

    @Override
    public boolean continueReading(UncheckedBooleanSupplier maybeMore) {
      return guesses.continueReading(maybeMore);
    }
  }
}
