package dev.quire.kvm.client;

import dev.quire.bindings.DescriptorSocket;
import dev.quire.bindings.HostFile;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.wire.BadFrameException;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Hello;
import dev.quire.kvm.wire.Op;
import dev.quire.kvm.wire.Reply;
import dev.quire.kvm.wire.Welcome;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/**
 * {@code /dev/kvm} of a service. Any thread; each call uses a socket of its own while it lasts.
 * Calls throw {@link KvmException}, with EIO once the service is gone.
 */
public final class Kvm implements AutoCloseable {
  private static final long FIRST_REMOTE_HVA = 1L << 36;

  /** Makes a new connection to the service. */
  @FunctionalInterface
  private interface Connector {
    ByteLink connect() throws IOException;
  }

  private final Connector connector;
  private final int architecture;
  private final byte[] access;
  private final ArrayDeque<CallLink> idle = new ArrayDeque<>();
  private final ArrayDeque<CallLink> all = new ArrayDeque<>();
  private final Map<Integer, HostFile> received = new HashMap<>();
  private final AtomicInteger lastTag = new AtomicInteger();
  private final AtomicLong nextHva = new AtomicLong(FIRST_REMOTE_HVA);
  private Welcome welcome;
  private DescriptorSocket mail;
  private final int fd;
  private boolean closed;

  private Kvm(Connector connector, int architecture, byte[] access, Path unix) throws IOException {
    this.connector = connector;
    this.architecture = architecture;
    this.access = access;
    idle.push(open());
    if (unix != null && (welcome.features() & Welcome.PASSES_DESCRIPTORS) != 0) {
      mail = DescriptorSocket.connect(unix.toString());
      try {
        FrameBuilder builder = new FrameBuilder(Frames.DEFAULT_LIMIT_BYTES);
        builder.request(1, Op.HELLO, -1, 0, 0, 0);
        byte[] hello = hello(Hello.DESCRIPTORS).toBytes();
        int bytes = builder.segment(0, hello, 0, hello.length).finish();
        mail.write(Arrays.copyOf(builder.array(), bytes));
        check("HELLO", Reply.parse(mail.read(Frames.REPLY_BYTES + 16 + Welcome.BYTES)));
      } catch (BadFrameException e) {
        throw new IOException(e);
      }
    }
    byte[] path = "/dev/kvm".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    fd =
        (int)
            check(
                "open /dev/kvm",
                call(link -> link.begin(Op.OPEN, -1, 2, 0, 0).segment(0, path, 0, path.length)));
  }

  /** Connects over a UNIX socket; guest memory is shared where both ends can. */
  public static Kvm connect(Path socket) throws IOException {
    return connect(socket, Hello.X86_64);
  }

  /**
   * The same for a service of any architecture.
   *
   * @param architecture {@link Hello#X86_64} or {@link Hello#ARM64}
   */
  public static Kvm connect(Path socket, int architecture) throws IOException {
    return new Kvm(() -> ByteLink.unix(socket), architecture, new byte[Hello.ACCESS_BYTES], socket);
  }

  /**
   * Connects over TLS 1.3; guest memory is moved by messages.
   *
   * @param trust knows the service's certificate
   * @param token of access
   */
  public static Kvm connect(InetSocketAddress address, SSLContext trust, byte[] token)
      throws IOException {
    return new Kvm(() -> tls(address, trust), Hello.X86_64, sha256(token), null);
  }

  private static ByteLink tls(InetSocketAddress address, SSLContext trust) throws IOException {
    Socket socket = trust.getSocketFactory().createSocket();
    try {
      socket.connect(address);
      socket.setTcpNoDelay(true);
      SSLSocket secure = (SSLSocket) socket;
      SSLParameters parameters = secure.getSSLParameters();
      parameters.setProtocols(new String[] {"TLSv1.3"});
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      secure.setSSLParameters(parameters);
      secure.startHandshake();
      return ByteLink.of(secure);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  private static byte[] sha256(byte[] token) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(token);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  private Hello hello(int role) {
    byte[] cookie = welcome == null ? new byte[Hello.COOKIE_BYTES] : welcome.cookie();
    long process = welcome == null ? 0 : welcome.process();
    int pid = (int) ProcessHandle.current().pid();
    return new Hello(
        Frames.VERSION, Frames.VERSION, architecture, role, pid, access, process, cookie);
  }

  private synchronized CallLink open() throws IOException {
    if (closed) {
      throw new IOException("closed");
    }
    CallLink link = new CallLink(connector.connect(), Frames.DEFAULT_LIMIT_BYTES);
    byte[] hello = hello(Hello.CALLS).toBytes();
    link.begin(Op.HELLO, -1, 0, 0, 0).segment(0, hello, 0, hello.length);
    try {
      Reply reply = link.call();
      check("HELLO", reply);
      if (welcome == null) {
        welcome = Welcome.parse(reply);
      }
    } catch (BadFrameException e) {
      link.close();
      throw new IOException(e);
    } catch (IOException | KvmException e) {
      link.close();
      throw e;
    }
    all.push(link);
    return link;
  }

  /** What a request is made of. */
  @FunctionalInterface
  interface Request {
    void begin(CallLink link);
  }

  /** What one does with a socket for a while. */
  @FunctionalInterface
  interface Use<T> {
    T with(CallLink link) throws IOException;
  }

  <T> T use(Use<T> what) {
    CallLink link = null;
    try {
      synchronized (this) {
        link = idle.poll();
      }
      if (link == null) {
        link = open();
      }
      T result = what.with(link);
      synchronized (this) {
        idle.push(link);
      }
      return result;
    } catch (IOException e) {
      throw new KvmException("the KVM service is gone", e);
    }
  }

  Reply call(Request request) {
    return use(
        link -> {
          request.begin(link);
          return link.call();
        });
  }

  static long check(String call, Reply reply) {
    if (reply.result() < 0) {
      throw new KvmException(call, (int) -reply.result());
    }
    return reply.result();
  }

  /** Whether memory is shared with the service; else it is moved. */
  boolean sharesMemory() {
    return mail != null;
  }

  /** Sends a descriptor: the tag to name it by. */
  int send(HostFile file) {
    int tag = Math.max(1, lastTag.incrementAndGet() & Integer.MAX_VALUE);
    synchronized (received) {
      if (!mail.send(tag, file.descriptor())) {
        throw new KvmException("passing a descriptor", KvmException.EIO);
      }
    }
    return tag;
  }

  /** The descriptor that came before a reply. */
  HostFile claim(int tag) {
    synchronized (received) {
      HostFile file = received.remove(tag);
      for (int got = file == null ? mail.receive() : -1; got >= 0; got = mail.receive()) {
        if (mail.tag() == tag) {
          return HostFile.adopt(got);
        }
        received.put(mail.tag(), HostFile.adopt(got));
      }
      if (file == null) {
        throw new KvmException("receiving a descriptor", KvmException.EIO);
      }
      return file;
    }
  }

  long newRemoteHva(long bytes) {
    return nextHva.getAndAdd(bytes + (1L << 21) & -(1L << 21));
  }

  /** KVM_CHECK_EXTENSION. */
  public long checkExtension(long capability) {
    return ioctl(fd, Ioctls.CHECK_EXTENSION, capability, null);
  }

  /** KVM_GET_API_VERSION. */
  public long apiVersion() {
    return ioctl(fd, Ioctls.GET_API_VERSION, 0, null);
  }

  /** KVM_CREATE_VM. */
  public Vm createVm() {
    return new Vm(this, (int) ioctl(fd, Ioctls.CREATE_VM, 0, null));
  }

  /**
   * Any ioctl of /dev/kvm.
   *
   * @param struct read and written, or null if the argument is a number
   * @return the result
   */
  public long ioctl(int request, long argument, byte[] struct) {
    return ioctl(fd, request, argument, struct);
  }

  /** An ioctl whose struct, if it has one, stands at an address made up. */
  long ioctl(int file, int request, long argument, byte[] struct) {
    long address = struct == null ? argument : Vm.STRUCT_ADDRESS;
    Reply reply =
        call(
            link -> {
              FrameBuilder builder =
                  link.begin(Op.IOCTL, file, Integer.toUnsignedLong(request), address, 0);
              if (struct != null) {
                builder.segment(address, struct, 0, struct.length);
              }
            });
    if (struct != null) {
      Vm.writeBack(reply, address, struct);
    }
    return check("ioctl 0x" + Integer.toHexString(request), reply);
  }

  void closeFile(int file) {
    call(link -> link.begin(Op.CLOSE, file, 0, 0, 0));
  }

  /** Ends the process of the service: all its VMs with it. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    for (CallLink link : all) {
      try {
        link.close();
      } catch (IOException e) {
        // It is closed then.
        continue;
      }
    }
    if (mail != null) {
      mail.close();
    }
    received.values().forEach(HostFile::close);
  }
}
