package dev.quire.kvm.server;

import io.netty.channel.Channel;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.unix.Socket;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;

/** How sockets are waited for: Linux's epoll by Netty's native part, or the JDK's NIO. */
public enum Transport {
  EPOLL {
    @Override
    IoHandlerFactory handlers() {
      return EpollIoHandler.newFactory();
    }

    @Override
    ServerChannel unixServer() {
      return new EpollServerDomainSocketChannel();
    }

    @Override
    ServerChannel tcpServer() {
      return new EpollServerSocketChannel();
    }

    @Override
    SocketAddress address(Path path) {
      return new DomainSocketAddress(path.toString());
    }

    @Override
    int descriptor(Channel channel) {
      return channel instanceof EpollDomainSocketChannel socket ? socket.fd().intValue() : -1;
    }

    @Override
    int user(Channel channel) throws IOException {
      return channel instanceof EpollDomainSocketChannel socket
          ? socket.peerCredentials().uid()
          : -1;
    }

    @Override
    void cut(Channel channel) {
      if (channel instanceof io.netty.channel.epoll.EpollSocketChannel socket) {
        shutdown(socket.fd());
      } else if (channel instanceof EpollDomainSocketChannel socket) {
        shutdown(socket.fd());
      }
    }
  },

  NIO {
    @Override
    IoHandlerFactory handlers() {
      return NioIoHandler.newFactory();
    }

    @Override
    ServerChannel unixServer() {
      return new NioServerDomainSocketChannel();
    }

    @Override
    ServerChannel tcpServer() {
      return new NioServerSocketChannel();
    }

    @Override
    SocketAddress address(Path path) {
      return UnixDomainSocketAddress.of(path);
    }

    @Override
    int descriptor(Channel channel) {
      return -1;
    }

    @Override
    int user(Channel channel) {
      return -1;
    }

    @Override
    void cut(Channel channel) {
      channel.unsafe().closeForcibly();
    }
  };

  /** The best this machine has. */
  public static Transport best() {
    return Epoll.isAvailable() ? EPOLL : NIO;
  }

  abstract IoHandlerFactory handlers();

  abstract ServerChannel unixServer();

  abstract ServerChannel tcpServer();

  abstract SocketAddress address(Path path);

  /** The host's descriptor of a UNIX socket, or -1 where descriptors cannot travel. */
  abstract int descriptor(Channel channel);

  /** The user at the other end of a UNIX socket, or -1 if the transport does not know. */
  abstract int user(Channel channel) throws IOException;

  /** Ends a connection from another thread than the channel's, which hangs. */
  abstract void cut(Channel channel);

  private static void shutdown(io.netty.channel.unix.FileDescriptor descriptor) {
    if (descriptor instanceof Socket socket && socket.isOpen()) {
      try {
        socket.shutdown();
      } catch (IOException e) {
        System.getLogger(Transport.class.getName())
            .log(System.Logger.Level.DEBUG, "shutdown: {0}", e.getMessage());
      }
    }
  }
}
