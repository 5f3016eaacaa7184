package dev.quire.kvm.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/** A stream to the service that blocks. One thread reads, any may write a whole frame. */
interface ByteLink extends AutoCloseable {
  void write(byte[] bytes, int length) throws IOException;

  /**
   * Reads what has come, at least one byte.
   *
   * @return how many bytes, {@code length} at most
   */
  int read(byte[] target, int offset, int length) throws IOException;

  @Override
  void close() throws IOException;

  private static int some(int bytes) throws IOException {
    if (bytes < 0) {
      throw new IOException("the service closed the connection");
    }
    return bytes;
  }

  /** Over a UNIX socket. */
  static ByteLink unix(Path path) throws IOException {
    SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(path));
    return new ByteLink() {
      @Override
      public void write(byte[] bytes, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes, 0, length);
        synchronized (channel) {
          while (buffer.hasRemaining()) {
            channel.write(buffer);
          }
        }
      }

      @Override
      public int read(byte[] target, int offset, int length) throws IOException {
        return some(channel.read(ByteBuffer.wrap(target, offset, length)));
      }

      @Override
      public void close() throws IOException {
        channel.close();
      }
    };
  }

  /** Over a socket with TLS, or any other. */
  static ByteLink of(Socket socket) throws IOException {
    InputStream in = socket.getInputStream();
    OutputStream out = socket.getOutputStream();
    return new ByteLink() {
      @Override
      public void write(byte[] bytes, int length) throws IOException {
        synchronized (out) {
          out.write(bytes, 0, length);
          out.flush();
        }
      }

      @Override
      public int read(byte[] target, int offset, int length) throws IOException {
        return some(in.read(target, offset, length));
      }

      @Override
      public void close() throws IOException {
        socket.close();
      }
    };
  }
}
