package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A UNIX stream socket over which file descriptors travel, one to a message of 8 bytes: a tag and
 * four zeros (docs/WIRE.md). One thread at a time. Linux only.
 */
public final class DescriptorSocket implements AutoCloseable {
  /** {@link #receive} found no message. */
  public static final int NONE = -1;

  /** The other end is gone, or sent what is no message. */
  public static final int BROKEN = -2;

  private static final int MESSAGE_BYTES = 8;

  // struct msghdr, struct iovec, control message and payload, one behind the other.
  private static final int VECTOR = 56;
  private static final int CONTROL = 72;
  private static final int PAYLOAD = 96;
  private static final int BYTES = 104;
  private static final int MSG_IOV = 16;
  private static final int MSG_IOVLEN = 24;
  private static final int MSG_CONTROL = 32;
  private static final int MSG_CONTROLLEN = 40;
  private static final int MSG_FLAGS = 48;
  private static final int CMSG_LEVEL = CONTROL + 8;
  private static final int CMSG_TYPE = CONTROL + 12;
  private static final int CMSG_DATA = CONTROL + 16;

  /** CMSG_LEN of one descriptor: room for no second one. */
  private static final int ONE_DESCRIPTOR = 20;

  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_DONTWAIT = 0x40;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int MSG_CMSG_CLOEXEC = 0x40000000;

  /** MSG_CTRUNC and MSG_TRUNC: there was more than one descriptor, or more bytes. */
  private static final int MSG_TRUNCATED = 0x28;

  private static final int AF_UNIX = 1;
  private static final int SOCK_STREAM_CLOEXEC = 0x80001;
  private static final int PATH_BYTES = 108;

  private static final MethodHandle SENDMSG = SystemCalls.function("sendmsg");
  private static final MethodHandle RECVMSG = SystemCalls.function("recvmsg");

  /** Linked when first needed: a server never connects. */
  private static final class Client {
    static final MethodHandle SOCKET = SystemCalls.function("socket");
    static final MethodHandle CONNECT = SystemCalls.function("connect");
    static final MethodHandle READ = SystemCalls.function("read");
    static final MethodHandle SEND = SystemCalls.function("send");

    private Client() {}
  }

  private final int socket;
  private final boolean owned;
  private final Arena arena;
  private final MemorySegment buffer;
  private int tag;
  private boolean closed;

  private DescriptorSocket(Arena arena, int socket, boolean owned) {
    this.arena = arena;
    this.socket = socket;
    this.owned = owned;
    buffer = arena.allocate(BYTES, Long.BYTES);
  }

  /**
   * On a socket that somebody else owns and closes, later than this. For the calling thread alone.
   */
  public static DescriptorSocket over(int socket) {
    return new DescriptorSocket(Arena.ofConfined(), socket, false);
  }

  /**
   * A new socket, connected to a path.
   *
   * @throws IOException if nobody listens there
   */
  public static DescriptorSocket connect(String path) throws IOException {
    byte[] name = path.getBytes(StandardCharsets.UTF_8);
    if (name.length >= PATH_BYTES) {
      throw new IOException("a socket's path has at most " + (PATH_BYTES - 1) + " bytes: " + path);
    }
    int socket = SystemCalls.callInt(Client.SOCKET, AF_UNIX, SOCK_STREAM_CLOEXEC, 0, 0, 0, 0);
    if (socket < 0) {
      throw new IOException("socket: errno " + -socket);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(2 + PATH_BYTES, Short.BYTES);
      address.set(JAVA_SHORT, 0, (short) AF_UNIX);
      MemorySegment.copy(name, 0, address, JAVA_BYTE, 2, name.length);
      int result =
          SystemCalls.callInt(
              Client.CONNECT, socket, address.address(), address.byteSize(), 0, 0, 0);
      if (result < 0) {
        SystemCalls.close(socket);
        throw new IOException("cannot connect to " + path + ": errno " + -result);
      }
    }
    return new DescriptorSocket(Arena.ofShared(), socket, true);
  }

  /** Sends bytes that carry no descriptor, all of them. */
  public void write(byte[] bytes) throws IOException {
    try (Arena local = Arena.ofConfined()) {
      MemorySegment copy = local.allocateFrom(JAVA_BYTE, bytes);
      for (long done = 0; done < bytes.length; ) {
        long from = copy.address() + done;
        long sent =
            SystemCalls.callLong(
                Client.SEND, socket, from, bytes.length - done, MSG_NOSIGNAL, 0, 0);
        if (sent <= 0 && sent != -SystemCalls.EINTR) {
          throw new IOException("send: errno " + -sent);
        }
        done += Math.max(0, sent);
      }
    }
  }

  /** Waits for so many bytes that carry no descriptor. */
  public byte[] read(int bytes) throws IOException {
    try (Arena local = Arena.ofConfined()) {
      MemorySegment copy = local.allocate(Math.max(1, bytes));
      for (long done = 0; done < bytes; ) {
        long to = copy.address() + done;
        long got = SystemCalls.callLong(Client.READ, socket, to, bytes - done, 0, 0, 0);
        if (got <= 0 && got != -SystemCalls.EINTR) {
          throw new IOException(got == 0 ? "the service closed the socket" : "read: errno " + -got);
        }
        done += Math.max(0, got);
      }
      byte[] result = copy.toArray(JAVA_BYTE);
      return result.length == bytes ? result : Arrays.copyOf(result, bytes);
    }
  }

  private void prepare() {
    buffer.fill((byte) 0);
    long base = buffer.address();
    buffer.set(JAVA_LONG, MSG_IOV, base + VECTOR);
    buffer.set(JAVA_LONG, MSG_IOVLEN, 1);
    buffer.set(JAVA_LONG, MSG_CONTROL, base + CONTROL);
    buffer.set(JAVA_LONG, MSG_CONTROLLEN, ONE_DESCRIPTOR);
    buffer.set(JAVA_LONG, VECTOR, base + PAYLOAD);
    buffer.set(JAVA_LONG, VECTOR + Long.BYTES, MESSAGE_BYTES);
  }

  /**
   * Sends a descriptor without waiting.
   *
   * @return false if the other end takes no more: gone, or it does not read
   */
  public boolean send(int messageTag, int descriptor) {
    prepare();
    buffer.set(JAVA_LONG, CONTROL, ONE_DESCRIPTOR);
    buffer.set(JAVA_INT, CMSG_LEVEL, SOL_SOCKET);
    buffer.set(JAVA_INT, CMSG_TYPE, SCM_RIGHTS);
    buffer.set(JAVA_INT, CMSG_DATA, descriptor);
    buffer.set(JAVA_INT, PAYLOAD, messageTag);
    long sent;
    do {
      sent =
          SystemCalls.callLong(
              SENDMSG, socket, buffer.address(), MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0, 0);
    } while (sent == -SystemCalls.EINTR);
    return sent == MESSAGE_BYTES;
  }

  /**
   * Takes the next message without waiting.
   *
   * @return its descriptor, the caller's from now on, and {@link #tag} is set; {@link #NONE} or
   *     {@link #BROKEN}
   */
  public int receive() {
    prepare();
    long got;
    do {
      got =
          SystemCalls.callLong(
              RECVMSG, socket, buffer.address(), MSG_DONTWAIT | MSG_CMSG_CLOEXEC, 0, 0, 0);
    } while (got == -SystemCalls.EINTR);
    if (got == -SystemCalls.EAGAIN) {
      return NONE;
    }
    boolean carried =
        got > 0
            && buffer.get(JAVA_LONG, MSG_CONTROLLEN) >= ONE_DESCRIPTOR
            && buffer.get(JAVA_INT, CMSG_LEVEL) == SOL_SOCKET
            && buffer.get(JAVA_INT, CMSG_TYPE) == SCM_RIGHTS;
    int descriptor = carried ? buffer.get(JAVA_INT, CMSG_DATA) : BROKEN;
    if (got != MESSAGE_BYTES || (buffer.get(JAVA_INT, MSG_FLAGS) & MSG_TRUNCATED) != 0) {
      if (carried) {
        SystemCalls.close(descriptor);
      }
      return BROKEN;
    }
    tag = buffer.get(JAVA_INT, PAYLOAD);
    return descriptor;
  }

  /** Of the last message received. */
  public int tag() {
    return tag;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      arena.close();
      if (owned) {
        SystemCalls.close(socket);
      }
    }
  }
}
