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

  /** Fills a range, or fails. */
  void read(byte[] target, int offset, int length) throws IOException;

  @Override
  void close() throws IOException;

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
      public void read(byte[] target, int offset, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(target, offset, length);
        while (buffer.hasRemaining()) {
          if (channel.read(buffer) < 0) {
            throw new IOException("the service closed the connection");
          }
        }
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
      public void read(byte[] target, int offset, int length) throws IOException {
        int got = in.readNBytes(target, offset, length);
        if (got < length) {
          throw new IOException("the service closed the connection");
        }
      }

      @Override
      public void close() throws IOException {
        socket.close();
      }
    };
  }
}
