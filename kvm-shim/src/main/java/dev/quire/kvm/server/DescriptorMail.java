package dev.quire.kvm.server;

import dev.quire.bindings.DescriptorSocket;
import dev.quire.bindings.HostFile;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayDeque;

/**
 * The descriptor socket of a process: what the client sent and no call has claimed, and what the
 * service sends. On the process's thread.
 */
final class DescriptorMail implements AutoCloseable {
  private static final Logger LOG = System.getLogger(DescriptorMail.class.getName());
  private static final int MOST_UNCLAIMED = 64;

  private record Letter(int tag, HostFile file) {}

  private final Channel channel;
  private final DescriptorSocket socket;
  private final ArrayDeque<Letter> unclaimed = new ArrayDeque<>();
  private int lastTag;

  /**
   * @param channel which reads nothing by itself; closed by {@link #close}
   */
  DescriptorMail(Channel channel, int descriptor) {
    this.channel = channel;
    this.socket = DescriptorSocket.over(descriptor);
    channel.pipeline().addLast(new End());
  }

  /** The descriptor sent with a tag, the caller's from now on; null if there is none. */
  HostFile claim(int tag) {
    for (Letter letter : unclaimed) {
      if (letter.tag == tag) {
        unclaimed.remove(letter);
        return letter.file;
      }
    }
    for (int got = socket.receive(); got >= 0; got = socket.receive()) {
      HostFile file = HostFile.adopt(got);
      if (socket.tag() == tag) {
        return file;
      }
      unclaimed.addLast(new Letter(socket.tag(), file));
      if (unclaimed.size() > MOST_UNCLAIMED) {
        unclaimed.removeFirst().file.close();
      }
    }
    return null;
  }

  /** Sends one: its tag, or 0 if the client takes no more. */
  int send(int descriptor) {
    lastTag = Math.max(1, lastTag + 1 & Integer.MAX_VALUE);
    return socket.send(lastTag, descriptor) ? lastTag : 0;
  }

  @Override
  public void close() {
    unclaimed.forEach(letter -> letter.file.close());
    unclaimed.clear();
    socket.close();
    channel.close();
  }

  /** A client that goes away may do so in the middle of a message: that ends the exchange. */
  private static final class End extends ChannelInboundHandlerAdapter {
    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      LOG.log(Level.DEBUG, "descriptor socket: {0}", cause.getMessage());
      context.close();
    }
  }
}
