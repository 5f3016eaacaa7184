package dev.quire.kvm.server;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.host.ClientMachines;
import dev.quire.kvm.wire.FrameDecoder;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Hello;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.SocketAddress;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The KVM service: listens, and gives each client's process a thread of its own, on which all its
 * calls are done. What one process does or suffers touches no other. Thread-safe.
 */
public final class KvmServer implements AutoCloseable {
  private static final Logger LOG = System.getLogger(KvmServer.class.getName());
  private static final long END_SECONDS = 10;
  private static final int EPROTONOSUPPORT = 93;
  private static final int ENOEXEC = 8;
  private static final int EPROTO = 71;

  private final ServerSettings settings;
  private final Transport transport;
  private final int architecture;
  private final ServiceFiles files;
  private final ClientMachines machines;
  private final ServerMetrics metrics;
  private final MultiThreadIoEventLoopGroup accepting;
  private final Map<Long, ClientProcess> processes = new ConcurrentHashMap<>();
  private final Map<Channel, Long> sockets = new ConcurrentHashMap<>();
  private final List<AutoCloseable> owned = new ArrayList<>();
  private final SecureRandom random = new SecureRandom();
  private final AtomicLong lastId = new AtomicLong();
  private final AtomicInteger open = new AtomicInteger();
  private final Supervisor supervisor;
  private final RunSlots slots;
  private final SlotRotation rotation;
  private final int user;
  private volatile boolean closed;

  /**
   * @param architecture {@link Hello#X86_64} or {@link Hello#ARM64}
   * @param machines of the processes' VMs
   */
  public KvmServer(
      ServerSettings settings,
      Transport transport,
      int architecture,
      ServiceFiles files,
      ClientMachines machines,
      ServerMetrics metrics) {
    this.settings = settings;
    this.transport = transport;
    this.architecture = architecture;
    this.files = files;
    this.machines = machines;
    this.metrics = metrics;
    accepting = new MultiThreadIoEventLoopGroup(1, transport.handlers());
    user = SocketUser.own();
    slots = new RunSlots(settings.running(), System::nanoTime);
    metrics.watch(this);
    supervisor = new Supervisor(this);
    rotation = new SlotRotation(slots);
  }

  /**
   * Listens from now on.
   *
   * @return the address bound, with the port where TCP asked for any
   * @throws IOException with one line to tell the user
   */
  public SocketAddress listen(Listener listener) throws IOException {
    return switch (listener) {
      case Listener.Unix unix -> {
        SocketPath path = SocketPath.prepare(unix.path());
        try {
          Channel server =
              bind(transport.unixServer(), transport.address(path.bindPath()), listener);
          path.publish();
          synchronized (owned) {
            owned.add(server::close);
            owned.add(path);
          }
          yield transport.address(path.path());
        } catch (IOException e) {
          path.close();
          throw e;
        }
      }
      case Listener.Tcp tcp -> {
        Channel server = bind(transport.tcpServer(), tcp.address(), listener);
        synchronized (owned) {
          owned.add(server::close);
        }
        yield server.localAddress();
      }
    };
  }

  private Channel bind(ServerChannel channel, SocketAddress address, Listener listener)
      throws IOException {
    channel.pipeline().addLast(new Acceptor(listener));
    ChannelFuture registered = accepting.register(channel).awaitUninterruptibly();
    ChannelFuture bound =
        registered.isSuccess() ? channel.bind(address).awaitUninterruptibly() : registered;
    if (!bound.isSuccess()) {
      channel.close();
      String why = bound.cause().getMessage();
      throw new IOException("cannot listen at " + listener + ": " + why, bound.cause());
    }
    LOG.log(Level.INFO, "event=listen at={0} transport={1}", listener, transport);
    return channel;
  }

  /** Gives each socket that comes in what reads its HELLO. On the accepting thread. */
  private final class Acceptor extends ChannelInboundHandlerAdapter {
    private final Listener listener;

    Acceptor(Listener listener) {
      this.listener = listener;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      Channel socket = (Channel) message;
      if (closed || open.incrementAndGet() > settings.sockets()) {
        open.decrementAndGet();
        metrics.refused();
        socket.unsafe().closeForcibly();
        return;
      }
      socket.closeFuture().addListener(gone -> forget(socket));
      SocketBuffers.attach(socket);
      FrameDecoder decoder = new FrameDecoder(Frames.REQUEST_BYTES, settings.limits().frameBytes());
      if (listener instanceof Listener.Tcp tcp) {
        socket.pipeline().addLast(tcp.tls().newHandler(socket.alloc()));
      }
      socket.pipeline().addLast(decoder, new HelloHandler(KvmServer.this, listener, decoder));
      accepting.register(socket);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      // No descriptors left, usually: the next try after a while, so that others can end.
      LOG.log(Level.WARNING, "event=accept-failed reason=\"{0}\"", cause.getMessage());
      Channel server = context.channel();
      server.config().setAutoRead(false);
      EventLoop loop = server.eventLoop();
      loop.schedule(() -> server.config().setAutoRead(true), 1, TimeUnit.SECONDS);
    }
  }

  private void forget(Channel socket) {
    open.decrementAndGet();
    sockets.remove(socket);
  }

  /** Decides about a HELLO. On the accepting thread. */
  Admission admit(Listener listener, Channel socket, Hello hello) {
    if (listener instanceof Listener.Tcp tcp) {
      if (!tcp.accepts(hello.access())) {
        return Admission.refused(Errno.EACCES, "wrong token");
      }
    } else {
      Admission refused = checkUser(socket);
      if (refused != null) {
        return refused;
      }
    }
    if (hello.lowestVersion() > Frames.VERSION || hello.highestVersion() < Frames.VERSION) {
      return Admission.refused(EPROTONOSUPPORT, "versions from " + hello.lowestVersion());
    }
    if (hello.architecture() != architecture) {
      return Admission.refused(ENOEXEC, "architecture " + hello.architecture());
    }
    if (hello.role() != Hello.CALLS && hello.role() != Hello.DESCRIPTORS) {
      return Admission.refused(EPROTO, "role " + hello.role());
    }
    return hello.process() == 0 ? create(socket, hello) : join(socket, hello);
  }

  private Admission checkUser(Channel socket) {
    try {
      int peer = transport.user(socket);
      return peer < 0 || user < 0 || peer == user || peer == 0
          ? null
          : Admission.refused(Errno.EACCES, "user " + peer);
    } catch (IOException e) {
      return Admission.refused(Errno.EACCES, "no credentials: " + e.getMessage());
    }
  }

  private Admission create(Channel socket, Hello hello) {
    if (hello.role() != Hello.CALLS) {
      return Admission.refused(EPROTO, "a descriptor socket without a process");
    }
    if (closed || processes.size() >= settings.processes()) {
      return Admission.refused(Errno.EAGAIN, "too many processes");
    }
    byte[] cookie = new byte[Hello.COOKIE_BYTES];
    random.nextBytes(cookie);
    ClientProcess process = new ClientProcess(this, lastId.incrementAndGet(), cookie, hello);
    process.join();
    processes.put(process.id(), process);
    sockets.put(socket, process.id());
    process.start();
    LOG.log(
        Level.INFO, "process={0,number,#} pid={1,number,#} event=begin", process.id(), hello.pid());
    return Admission.to(process);
  }

  private Admission join(Channel socket, Hello hello) {
    ClientProcess process = processes.get(hello.process());
    if (process == null || !process.hasCookie(hello.cookie())) {
      return Admission.refused(Errno.EACCES, "no such process, or another cookie");
    }
    if (hello.role() == Hello.DESCRIPTORS) {
      int error = transport.descriptor(socket) < 0 ? Errno.EOPNOTSUPP : process.joinDescriptors();
      if (error != 0) {
        return Admission.refused(error, "no descriptor socket");
      }
    } else if (!process.join()) {
      return Admission.refused(Errno.EACCES, "the process has ended");
    }
    sockets.put(socket, process.id());
    return Admission.to(process);
  }

  /** The process has given everything back. On its thread. */
  void ended(ClientProcess process) {
    processes.remove(process.id());
  }

  /** Ends what a process that hangs has of sockets. */
  void cut(ClientProcess process) {
    List<Channel> its = new ArrayList<>();
    sockets.forEach(
        (socket, id) -> {
          if (id == process.id()) {
            its.add(socket);
          }
        });
    process.cut(its);
  }

  Iterable<ClientProcess> processes() {
    return processes.values();
  }

  /** Whether there is a process of this number. Any thread. */
  boolean has(long id) {
    return processes.containsKey(id);
  }

  public int processCount() {
    return processes.size();
  }

  public int socketCount() {
    return open.get();
  }

  ServerSettings settings() {
    return settings;
  }

  Transport transport() {
    return transport;
  }

  int architecture() {
    return architecture;
  }

  ServiceFiles files() {
    return files;
  }

  ClientMachines machines() {
    return machines;
  }

  ServerMetrics metrics() {
    return metrics;
  }

  RunSlots slots() {
    return slots;
  }

  /** Processes whose guests wait for others' to execute. */
  int waitingCount() {
    return slots.waiting();
  }

  /** Ends all processes and waits for them, 10 s at most. */
  @Override
  public void close() {
    closed = true;
    supervisor.close();
    rotation.close();
    synchronized (owned) {
      for (AutoCloseable part : owned) {
        try {
          part.close();
        } catch (Exception e) {
          LOG.log(Level.WARNING, "event=close-failed reason=\"{0}\"", e.getMessage());
        }
      }
      owned.clear();
    }
    processes.values().forEach(ClientProcess::close);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(END_SECONDS);
    for (ClientProcess process : processes.values()) {
      try {
        long left = Math.max(1, (deadline - System.nanoTime()) / 1_000_000);
        process.thread().join(left);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    sockets.keySet().forEach(Channel::close);
    accepting.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
