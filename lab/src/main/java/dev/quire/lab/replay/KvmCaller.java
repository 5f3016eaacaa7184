package dev.quire.lab.replay;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.Descriptors;
import dev.quire.kvm.fd.UserMemory;

/** A process that makes one ioctl of KVM: a client that knows structures byte for byte. */
final class KvmCaller implements Caller {
  private final SessionProcess actor;
  private final CallMemory memory = new CallMemory();

  KvmCaller(SessionProcess actor) {
    this.actor = actor;
  }

  SessionProcess actor() {
    return actor;
  }

  /** Makes memory for a structure that the call's own one points to. */
  long add(byte[] structure) {
    return memory.add(structure);
  }

  /** The call on what a name stands for: its result or -errno. */
  long call(String name, int request, long argument) {
    Descriptor file = actor.handles().service(name);
    return file == null ? -Errno.EBADF : file.ioctl(this, request, argument);
  }

  /** The call with a structure, which is changed in place. */
  static long call(SessionProcess actor, String name, int request, byte[] structure) {
    KvmCaller caller = new KvmCaller(actor);
    return caller.call(name, request, caller.add(structure));
  }

  /** The call with a value. */
  static long call(SessionProcess actor, String name, int request, long value) {
    return new KvmCaller(actor).call(name, request, value);
  }

  @Override
  public UserMemory memory() {
    return memory;
  }

  @Override
  public Descriptors descriptors() {
    return actor.handles();
  }

  @Override
  public Object addressSpace() {
    return actor.process();
  }
}
