package dev.quire.kvm.server;

import dev.quire.kvm.wire.BadFrameException;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.FrameDecoder;
import dev.quire.kvm.wire.Request;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderException;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;

/**
 * One call socket of a process, the last handler of its pipeline. Reads nothing while the client
 * does not read its replies. On the process's thread.
 */
final class CallSocket extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = System.getLogger(CallSocket.class.getName());
  private static final int EPROTO = 71;

  private final ClientProcess process;
  private final Channel channel;
  private final FrameDecoder decoder;
  private final SocketBuffers buffers;
  private boolean closed;

  /** When a frame began that is not complete, System.nanoTime; 0 if none did. */
  private volatile long frameSince;

  CallSocket(ClientProcess process, Channel channel, FrameDecoder decoder) {
    this.process = process;
    this.channel = channel;
    this.decoder = decoder;
    this.buffers = SocketBuffers.of(channel);
  }

  Channel channel() {
    return channel;
  }

  boolean isClosed() {
    return closed;
  }

  /** Since when a frame is incomplete; 0 if none is. Any thread. */
  long frameSince() {
    return frameSince;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (closed) {
      return;
    }
    process.heard();
    try {
      process.calls().handle(this, Request.parse((byte[]) message));
    } catch (BadFrameException e) {
      refuse(e);
    }
    process.handled();
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    channel.flush();
    if (!decoder.isInsideFrame()) {
      frameSince = 0;
    } else if (frameSince == 0) {
      frameSince = System.nanoTime() | 1;
    }
  }

  /** Sends a frame that is finished; {@link #flush} has it go. */
  void send(FrameBuilder reply) {
    if (closed) {
      return;
    }
    int bytes = reply.finish();
    ByteBuf buffer = buffers.holding(channel.alloc(), reply.array(), bytes);
    channel.write(buffer, channel.voidPromise());
  }

  void flush() {
    channel.flush();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    channel.config().setAutoRead(channel.isWritable());
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    close();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    if (cause instanceof DecoderException && cause.getCause() instanceof BadFrameException bad) {
      refuse(bad);
    } else if (cause instanceof IOException) {
      LOG.log(Level.DEBUG, "process={0,number,#} socket: {1}", process.id(), cause.getMessage());
      close();
    } else {
      process.failed(cause);
    }
  }

  private void refuse(BadFrameException cause) {
    LOG.log(
        Level.INFO,
        "process={0,number,#} event=bad-frame reason=\"{1}\"",
        process.id(),
        cause.getMessage());
    process.metrics().badFrame();
    send(process.calls().error(cause.sequence(), -EPROTO));
    channel.flush();
    close();
  }

  private void close() {
    if (!closed) {
      closed = true;
      channel.close();
      process.left(this);
    }
  }
}
