package dev.quire.kvm.server;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.host.ClientHost;
import dev.quire.kvm.host.ClientMemory;
import dev.quire.kvm.host.HostFigures;
import dev.quire.kvm.vm.RunCall;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.FrameDecoder;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Hello;
import dev.quire.kvm.wire.Welcome;
import io.netty.channel.Channel;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelPromise;
import io.netty.channel.IoEventLoop;
import io.netty.channel.ManualIoEventLoop;
import io.netty.util.concurrent.FastThreadLocalThread;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.security.MessageDigest;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * A client's process: its sockets, files, VMs and memory, and the one thread they all live on. That
 * thread waits for the sockets itself, so a call that does not run a vCPU is answered where it was
 * read; while vCPUs run it looks at the sockets between their turns (docs/adr/0018).
 *
 * <p>Ends with its last call socket, and then gives everything back, the newest first.
 */
final class ClientProcess {
  private static final Logger LOG = System.getLogger(ClientProcess.class.getName());
  private static final long FOREVER_NS = Long.MAX_VALUE;
  private static final int LAST_STEPS = 1000;

  private final KvmServer server;
  private final long id;
  private final byte[] cookie;
  private final int pid;
  private final Thread thread;
  private final ManualIoEventLoop loop;
  private final FileTable files;
  private final ClientMemory memory;
  private final Quota quota;
  private final Calls calls;
  private final RunSlot slot;
  private final RunTurns turns;
  private final List<CallSocket> sockets = new CopyOnWriteArrayList<>();
  private DescriptorMail mail;

  /** Call sockets admitted and not closed; guarded by this. 0 ends the process. */
  private int members;

  private boolean ended;
  private boolean hasDescriptorSocket;

  /** Since when the thread has been busy with one step, System.nanoTime; 0 while it waits. */
  private volatile long busySince;

  private volatile long lastHeard = System.nanoTime();
  private volatile boolean running;

  ClientProcess(KvmServer server, long id, byte[] cookie, Hello hello) {
    this.server = server;
    this.id = id;
    this.cookie = cookie;
    this.pid = hello.pid();
    quota = new Quota(server.settings().limits());
    thread = new FastThreadLocalThread(this::live, "kvm-process-" + id);
    thread.setDaemon(true);
    loop = new ManualIoEventLoop(thread, server.transport().handlers());
    files = new FileTable(quota.limits().descriptors());
    memory = new ClientMemory(server.machines(), quota);
    slot = new RunSlot(server.slots(), this::wake);
    turns = new RunTurns(slot, this::over, this::waits);
    calls = new Calls(this);
  }

  void start() {
    thread.start();
  }

  long id() {
    return id;
  }

  int pid() {
    return pid;
  }

  Calls calls() {
    return calls;
  }

  RunTurns turns() {
    return turns;
  }

  FileTable files() {
    return files;
  }

  ClientMemory memory() {
    return memory;
  }

  /** What its VMs have and did so far. Any thread. */
  List<HostFigures> figures() {
    return memory.hosts().stream().map(ClientHost::figures).toList();
  }

  Quota quota() {
    return quota;
  }

  KvmServer server() {
    return server;
  }

  ServerMetrics metrics() {
    return server.metrics();
  }

  IoEventLoop loop() {
    return loop;
  }

  /** Where descriptors are exchanged, or null. */
  DescriptorMail mail() {
    return mail;
  }

  boolean hasCookie(byte[] other) {
    return MessageDigest.isEqual(cookie, other);
  }

  /** Makes room for one more call socket: false if the process is ending. Any thread. */
  synchronized boolean join() {
    if (ended) {
      return false;
    }
    members++;
    return true;
  }

  /** Makes room for the descriptor socket: 0 or errno. Any thread. */
  synchronized int joinDescriptors() {
    if (ended) {
      return Errno.EACCES;
    }
    if (hasDescriptorSocket) {
      return Errno.EBUSY;
    }
    hasDescriptorSocket = true;
    return 0;
  }

  /**
   * Takes over a socket that was admitted. It reads nothing by itself yet. On the accepting thread.
   */
  void adopt(Channel channel, Hello hello, int sequence, FrameDecoder decoder) {
    channel.deregister().addListener(left -> register(channel, hello, sequence, decoder));
  }

  private void register(Channel channel, Hello hello, int sequence, FrameDecoder decoder) {
    ChannelPromise registered = new DefaultChannelPromise(channel, loop);
    channel.unsafe().register(loop, registered);
    registered.addListener(done -> welcome(channel, hello, sequence, decoder));
  }

  private void welcome(Channel channel, Hello hello, int sequence, FrameDecoder decoder) {
    boolean calling = hello.role() == Hello.CALLS;
    CallSocket socket = new CallSocket(this, channel, decoder);
    if (calling) {
      sockets.add(socket);
      channel.pipeline().addLast(socket);
    } else {
      mail = new DescriptorMail(channel, server.transport().descriptor(channel));
    }
    lastHeard = System.nanoTime();
    boolean passes = server.transport().descriptor(channel) >= 0;
    Welcome welcome =
        new Welcome(
            Frames.VERSION,
            server.architecture(),
            passes ? Welcome.PASSES_DESCRIPTORS | Welcome.WATCHES : 0,
            id,
            cookie,
            quota.limits());
    FrameBuilder reply = new FrameBuilder(Frames.DEFAULT_LIMIT_BYTES);
    byte[] bytes = welcome.toBytes();
    reply.reply(sequence, Frames.VERSION, 0, 0, 0).segment(0, bytes, 0, bytes.length);
    socket.send(reply);
    channel.flush();
    if (!channel.isActive()) {
      socket.channelInactive(null);
    } else if (calling) {
      channel.config().setAutoRead(true);
    }
  }

  /** A call socket closed: what it waited for is over. */
  void left(CallSocket socket) {
    sockets.remove(socket);
    for (PendingRun run : turns.all()) {
      if (run.frame.socket == socket) {
        run.signal();
      }
    }
    synchronized (this) {
      members--;
      if (members == 0) {
        ended = true;
      }
    }
  }

  /** A call was received, and begins. */
  void heard() {
    long now = System.nanoTime();
    lastHeard = now;
    busySince = now | 1;
  }

  /** It is answered, or takes its turns from here on. */
  void handled() {
    busySince = 0;
  }

  private void over(PendingRun run) {
    calls.runOver(run);
  }

  private void waits(PendingRun run) {
    calls.waits(run);
  }

  private synchronized boolean isEnded() {
    return ended;
  }

  private void live() {
    try {
      while (!isEnded()) {
        running = !turns.isEmpty();
        long wait = turns.idleNs();
        if (wait == 0) {
          loop.runNow();
          busySince = System.nanoTime() | 1;
          turns.round();
          busySince = 0;
        } else {
          turns.rest();
          loop.run(wait < 0 ? FOREVER_NS : wait);
        }
      }
    } catch (Throwable t) {
      // Nothing a client sends may end more than its own process: say so, and give all back.
      failed(t);
    } finally {
      busySince = System.nanoTime() | 1;
      end();
      busySince = 0;
    }
  }

  /** Something went wrong that no client can make go wrong: a defect. The process ends. */
  void failed(Throwable cause) {
    LOG.log(Level.ERROR, "process=" + id + " event=defect", cause);
    metrics().defect();
    synchronized (this) {
      ended = true;
    }
  }

  /** Its guest memory is gone by its own doing. The process ends. */
  void lost() {
    LOG.log(Level.WARNING, "process={0,number,#} event=memory-gone", id);
    synchronized (this) {
      ended = true;
    }
  }

  private void end() {
    synchronized (this) {
      ended = true;
    }
    release(slot::end);
    for (CallSocket socket : List.copyOf(sockets)) {
      release(() -> socket.channel().close());
    }
    for (PendingRun run : List.copyOf(turns.all())) {
      release(() -> abandon(run));
    }
    turns.all().clear();
    for (int newest = files.newest(); newest >= 0; newest = files.newest()) {
      int number = newest;
      release(() -> files.close(number));
    }
    release(memory::close);
    if (mail != null) {
      release(mail::close);
    }
    loop.shutdownGracefully(0, 0, TimeUnit.NANOSECONDS);
    while (!loop.isTerminated()) {
      loop.runNow();
    }
    server.ended(this);
    LOG.log(Level.INFO, "process={0,number,#} pid={1,number,#} event=end", id, pid);
  }

  /** A call nobody waits for: it has to be over before its file may go. */
  private static void abandon(PendingRun run) {
    run.call.signal();
    int state = run.call.step(1);
    for (int i = 0; i < LAST_STEPS && state != RunCall.DONE; i++) {
      state = run.call.step(1);
    }
    run.file.put();
  }

  /** One part that cannot be given back keeps none of the others. */
  private void release(Runnable part) {
    try {
      part.run();
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "process=" + id + " event=release-failed", e);
      metrics().defect();
    }
  }

  /** Since when the thread has been busy with one step, 0 if it is not. Any thread. */
  long busySince() {
    return busySince;
  }

  /** How long nothing was said while nothing ran. Any thread. */
  long silentNs(long now) {
    return running ? 0 : now - lastHeard;
  }

  /** Closes sockets on which a frame has been incomplete for too long. Any thread. */
  void checkFrames(long now, long mostNs) {
    for (CallSocket socket : sockets) {
      long since = socket.frameSince();
      if (since != 0 && now - since > mostNs) {
        socket.channel().close();
      }
    }
  }

  /** Has the thread end the process soon. Any thread. */
  void close() {
    synchronized (this) {
      ended = true;
    }
    wake();
  }

  /** Has the thread look at what there is. Any thread. */
  private void wake() {
    try {
      // Not wakeup(), which is lost while the thread is not waiting.
      loop.execute(() -> {});
    } catch (RejectedExecutionException e) {
      LOG.log(Level.DEBUG, "process={0,number,#} has ended", id);
    }
  }

  /** The thread hangs: its sockets end without it. Any thread. */
  void cut(List<Channel> channels) {
    channels.forEach(server.transport()::cut);
  }

  Thread thread() {
    return thread;
  }
}
