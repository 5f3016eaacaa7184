package dev.quire.kvm.server;

import dev.quire.kvm.wire.BadFrameException;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.FrameDecoder;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Hello;
import dev.quire.kvm.wire.Request;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderException;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.concurrent.TimeUnit;

/**
 * Takes the first frame of a socket, on the thread that accepts, and hands the socket to its
 * process. Who does not say a proper HELLO in time gets no thread and no memory.
 */
final class HelloHandler extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = System.getLogger(HelloHandler.class.getName());
  private static final int EPROTO = 71;

  private final KvmServer server;
  private final Listener listener;
  private final FrameDecoder decoder;
  private ScheduledFuture<?> deadline;
  private boolean done;

  HelloHandler(KvmServer server, Listener listener, FrameDecoder decoder) {
    this.server = server;
    this.listener = listener;
    this.decoder = decoder;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    arm(context);
    context.fireChannelActive();
  }

  @Override
  public void handlerAdded(ChannelHandlerContext context) {
    if (context.channel().isActive()) {
      arm(context);
    }
  }

  private void arm(ChannelHandlerContext context) {
    if (deadline == null) {
      deadline =
          context
              .executor()
              .schedule(
                  () -> late(context), server.settings().hello().toNanos(), TimeUnit.NANOSECONDS);
    }
  }

  private void late(ChannelHandlerContext context) {
    if (!done) {
      LOG.log(Level.INFO, "event=no-hello listener={0}", listener);
      context.close();
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (done) {
      context.close();
      return;
    }
    done = true;
    deadline.cancel(false);
    try {
      greet(context, Request.parse((byte[]) message));
    } catch (BadFrameException e) {
      refuse(context, e.sequence(), -EPROTO, e.getMessage());
    }
  }

  private void greet(ChannelHandlerContext context, Request request) throws BadFrameException {
    Hello hello = Hello.parse(request);
    Admission admission = server.admit(listener, context.channel(), hello);
    if (admission.error() != 0) {
      refuse(context, request.sequence(), admission.error(), admission.reason());
      return;
    }
    context.channel().config().setAutoRead(false);
    context.pipeline().remove(this);
    admission.process().adopt(context.channel(), hello, request.sequence(), decoder);
  }

  private void refuse(ChannelHandlerContext context, int sequence, int error, String reason) {
    LOG.log(Level.INFO, "event=refused listener={0} reason=\"{1}\"", listener, reason);
    server.metrics().refused();
    FrameBuilder reply = new FrameBuilder(Frames.DEFAULT_LIMIT_BYTES);
    reply.reply(sequence, error, 0, 0, 0);
    int bytes = reply.finish();
    context
        .writeAndFlush(Unpooled.copiedBuffer(reply.array(), 0, bytes))
        .addListener(ChannelFutureListener.CLOSE);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    if (cause instanceof DecoderException && cause.getCause() instanceof BadFrameException bad) {
      done = true;
      refuse(context, bad.sequence(), -EPROTO, bad.getMessage());
      return;
    }
    Level level = cause instanceof IOException ? Level.DEBUG : Level.INFO;
    LOG.log(level, "event=hello-failed listener={0} reason=\"{1}\"", listener, cause.toString());
    context.close();
  }
}
