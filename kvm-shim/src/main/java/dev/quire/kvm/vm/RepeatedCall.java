package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.Caller;

/**
 * A call of the architecture's that sleeps in a userfaultfd: it is made again until it need not.
 */
final class RepeatedCall implements RunCall {
  private final ArchVcpu arch;
  private final Caller caller;
  private final int request;
  private final long argument;
  private volatile boolean signalled;
  private long result;

  RepeatedCall(ArchVcpu arch, Caller caller, int request, long argument) {
    this.arch = arch;
    this.caller = caller;
    this.request = request;
    this.argument = argument;
  }

  @Override
  public int step(long instructions) {
    long answer = arch.ioctl(caller, request, argument);
    if (answer == ArchVcpu.MUST_WAIT && !signalled) {
      return WAITING;
    }
    result = answer == ArchVcpu.MUST_WAIT ? -Errno.EINTR : answer;
    return DONE;
  }

  @Override
  public void signal() {
    signalled = true;
  }

  @Override
  public long result() {
    return result;
  }
}
