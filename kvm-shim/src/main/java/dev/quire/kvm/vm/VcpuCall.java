package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Caller;

/**
 * A call on a vCPU: it waits until the vCPU is free, and then does what was asked, KVM_RUN in
 * turns. {@link #signal} may come from any thread.
 */
final class VcpuCall implements RunCall {
  private final Vcpu vcpu;
  private final Caller caller;
  private final int request;
  private final long argument;
  private volatile boolean signalled;
  private volatile RunCall inner;
  private boolean done;
  private long result;

  VcpuCall(Vcpu vcpu, Caller caller, int request, long argument) {
    this.vcpu = vcpu;
    this.caller = caller;
    this.request = request;
    this.argument = argument;
  }

  /** A call that failed before it began. */
  VcpuCall(long error) {
    this(null, null, 0, 0);
    this.done = true;
    this.result = error;
  }

  @Override
  public int step(long instructions) {
    if (done) {
      return DONE;
    }
    if (!vcpu.lock(this)) {
      return WAITING;
    }
    // Whatever goes wrong in here, the vCPU must not stay locked.
    int state = DONE;
    vcpu.vm().setRunning(vcpu);
    try {
      state = turn(instructions);
    } finally {
      vcpu.vm().setRunning(null);
      if (state == DONE) {
        done = true;
        vcpu.unlock();
      } else {
        vcpu.setWaiting(state == WAITING);
      }
    }
    return state;
  }

  private int turn(long instructions) {
    RunCall call = inner;
    if (call == null) {
      call = begin();
      if (call == null) {
        return DONE;
      }
      inner = call;
      if (signalled) {
        call.signal();
      }
    }
    int state = call.step(instructions);
    if (state == DONE) {
      result = call.result();
    }
    return state;
  }

  /** What takes turns to be done; null if there was nothing to do but {@link #result}. */
  private RunCall begin() {
    switch (request) {
      case Ioctls.RUN -> {
        if (argument == 0) {
          return vcpu.arch().run();
        }
        result = -Errno.EINVAL;
      }
      case Ioctls.PRE_FAULT_MEMORY -> {
        if (vcpu.vm().canPreFault()) {
          return new PreFaultCall(vcpu.vm().stage2(), caller, argument);
        }
        result = -Errno.EINVAL;
      }
      case Ioctls.GET_STATS_FD -> result = vcpu.vm().openStatistics(caller, vcpu);
      default -> {
        long answer = vcpu.arch().ioctl(caller, request, argument);
        if (answer == ArchVcpu.MUST_WAIT) {
          return new RepeatedCall(vcpu.arch(), caller, request, argument);
        }
        result = answer == ArchVcpu.UNKNOWN ? -Errno.EINVAL : answer;
      }
    }
    return null;
  }

  @Override
  public void signal() {
    signalled = true;
    RunCall call = inner;
    if (call != null) {
      call.signal();
    }
  }

  @Override
  public long result() {
    return result;
  }
}
