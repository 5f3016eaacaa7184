package dev.quire.kvm.server;

import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptors;
import dev.quire.kvm.fd.UserMemory;
import dev.quire.kvm.wire.FrameBuilder;
import dev.quire.kvm.wire.Request;

/**
 * One call of a process: what it may read, and its reply as it grows. Reused when it is over. On
 * the process's thread.
 */
final class CallFrame implements Caller {
  final FrameBuilder reply;
  final FrameMemory memory;
  private final ClientProcess process;
  CallSocket socket;
  Request request;

  CallFrame(ClientProcess process) {
    this.process = process;
    reply = new FrameBuilder(process.quota().limits().frameBytes());
    memory = new FrameMemory(reply);
  }

  void begin(CallSocket from, Request what) {
    socket = from;
    request = what;
    memory.begin(what.segments());
    reply.reply(what.sequence(), 0, 0, 0, 0);
  }

  /** Sends the reply. */
  void answer(long result) {
    answer(result, 0, 0);
  }

  void answer(long result, long value, int tag) {
    reply.result(result, value, tag);
    socket.send(reply);
  }

  @Override
  public UserMemory memory() {
    return memory;
  }

  @Override
  public Descriptors descriptors() {
    return process.files();
  }

  @Override
  public Object addressSpace() {
    return process;
  }
}
