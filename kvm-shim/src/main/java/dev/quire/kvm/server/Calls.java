package dev.quire.kvm.server;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.host.ClientHost;
import dev.quire.kvm.vm.RunCall;
import dev.quire.kvm.vm.VcpuFile;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.Frames;
import dev.quire.kvm.wire.Op;
import dev.quire.kvm.wire.Request;
import dev.quire.kvm.wire.SegmentList;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;

/** Does what the requests of a process ask for. On the process's thread. */
final class Calls {
  private static final int POLL_ALWAYS = 0x145;

  private final ClientProcess process;
  private final FileCalls fileCalls;
  private final MemoryCalls memoryCalls;
  private final FrameBuilder touching = new FrameBuilder(Frames.DEFAULT_LIMIT_BYTES);
  private final ArrayDeque<CallFrame> idle = new ArrayDeque<>();

  Calls(ClientProcess process) {
    this.process = process;
    fileCalls = new FileCalls(process);
    memoryCalls = new MemoryCalls(process);
  }

  /** A reply that says only that something is wrong. */
  FrameBuilder error(int sequence, long error) {
    CallFrame frame = take();
    frame.reply.reply(sequence, error, 0, 0, 0);
    idle.push(frame);
    return frame.reply;
  }

  private CallFrame take() {
    CallFrame frame = idle.poll();
    return frame == null ? new CallFrame(process) : frame;
  }

  /** Does one, or begins it. */
  void handle(CallSocket socket, Request request) {
    process.metrics().call();
    Op op = Op.of(request.op());
    if (op == Op.KICK) {
      kick(socket, (int) request.request());
      return;
    }
    if (op == Op.RESUME) {
      resume(socket, (int) request.request(), request.argument());
      return;
    }
    CallFrame frame = take();
    frame.begin(socket, request);
    if (op == Op.IOCTL && process.files().find(request.fd()) instanceof VcpuFile vcpu) {
      begin(frame, vcpu);
      return;
    }
    perform(op, frame);
    idle.push(frame);
    if (!process.turns().isEmpty()) {
      process.turns().wake();
    }
  }

  private void perform(Op op, CallFrame frame) {
    Request request = frame.request;
    switch (op) {
      case null -> frame.answer(-Errno.ENOSYS);
      case HELLO, KICK, RESUME -> frame.answer(-Errno.EINVAL);
      case OPEN -> open(frame);
      case IOCTL, MMAP, MUNMAP, DUP, READ, WRITE, PREAD, PWRITE, FALLOCATE, FSTAT, SEEK ->
          fileCalls.perform(op, frame);
      case CLOSE -> frame.answer(process.files().close(request.fd()));
      case POLL ->
          frame.answer(
              process.files().find(request.fd()) == null
                  ? -Errno.EBADF
                  : request.request() & POLL_ALWAYS);
      case SHARE, UNSHARE, LEND, DISCARD, WATCH, LOAD, STORE, DIRTY ->
          memoryCalls.perform(op, frame);
    }
  }

  private void open(CallFrame frame) {
    SegmentList segments = frame.request.segments();
    if (segments.count() != 1) {
      frame.answer(-Errno.EFAULT);
      return;
    }
    String path = new String(segments.copy(0), StandardCharsets.UTF_8);
    ServiceFiles files = process.server().files();
    if (path.equals("/dev/kvm")) {
      frame.answer(process.files().install(files.openKvm()));
      return;
    }
    String text = files.text(path);
    if (text == null) {
      frame.answer(-Errno.ENOENT);
      return;
    }
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    frame.reply.segment(0, bytes, 0, bytes.length);
    frame.answer(0);
  }

  private void begin(CallFrame frame, VcpuFile vcpu) {
    Request request = frame.request;
    if (process.turns().size() >= process.quota().limits().calls()) {
      frame.answer(-Errno.EAGAIN);
      idle.push(frame);
      return;
    }
    if ((request.flags() & Frames.PAGES) != 0 && !PageSegments.store(vcpu, request.segments())) {
      frame.answer(-Errno.EFAULT);
      idle.push(frame);
      return;
    }
    ClientHost host = (ClientHost) vcpu.host();
    boolean runs = (int) request.request() == Ioctls.RUN;
    if (runs) {
      host.beforeRun();
    }
    RunCall call = vcpu.begin(frame, (int) request.request(), request.argument());
    vcpu.get();
    boolean executes = runs && !vcpu.exitsAtOnce();
    process.turns().begin(new PendingRun(frame, vcpu, call, host, executes));
  }

  /** A vCPU's call is over: its reply goes. */
  void runOver(PendingRun run) {
    CallFrame frame = run.frame;
    Request request = frame.request;
    if ((request.flags() & Frames.PAGES) != 0) {
      PageSegments.load(run.file, request.segments(), frame.reply);
    }
    long result = run.call.result();
    if ((int) request.request() == Ioctls.RUN) {
      process.metrics().exit();
      result = run.metTruncated ? -Errno.EFAULT : result;
    }
    if (run.host.isLost()) {
      process.lost();
      result = -Errno.EIO;
    }
    frame.answer(result);
    frame.socket.flush();
    run.file.put();
    idle.push(frame);
  }

  /** A call has nothing to do: for the client, if it has to touch a page first. */
  void waits(PendingRun run) {
    long touch = run.host.takeTouch();
    if (touch != PendingRun.NONE) {
      run.touch = touch;
      run.touchedAt = run.host.forgotten();
      touching.reply(run.frame.request.sequence(), 0, touch, Frames.MORE, 0);
      run.frame.socket.send(touching);
      run.frame.socket.flush();
    }
  }

  private void resume(CallSocket socket, int sequence, long error) {
    PendingRun run = find(socket, sequence);
    if (run == null || !run.isTouching()) {
      return;
    }
    if (error != 0) {
      run.host.untouchable(run.touch);
    } else if (run.host.forgotten() == run.touchedAt) {
      run.host.touched(run.touch);
    }
    run.touch = PendingRun.NONE;
    run.lookAgain = 0;
  }

  private void kick(CallSocket socket, int sequence) {
    PendingRun run = find(socket, sequence);
    if (run != null) {
      run.signal();
    }
  }

  private PendingRun find(CallSocket socket, int sequence) {
    for (PendingRun run : process.turns().all()) {
      if (run.frame.socket == socket && run.frame.request.sequence() == sequence) {
        return run;
      }
    }
    return null;
  }

  /** The file a call names, or null with the answer given. */
  static Descriptor file(ClientProcess process, CallFrame frame) {
    Descriptor file = process.files().find(frame.request.fd());
    if (file == null) {
      frame.answer(-Errno.EBADF);
    }
    return file;
  }
}
