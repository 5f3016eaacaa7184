package dev.quire.kernel.uffd;

import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UffdWait;

/** An access that waits in {@link FaultQueues} (struct userfaultfd_wait_queue). */
final class FaultWait implements UffdWait {
  private final FaultQueues queues;
  private final UffdMessage message;
  private boolean woken;

  FaultWait(FaultQueues queues, UffdMessage message) {
    this.queues = queues;
    this.message = message;
  }

  UffdMessage message() {
    return message;
  }

  void wake() {
    woken = true;
  }

  @Override
  public boolean woken() {
    return woken;
  }

  @Override
  public long resume() {
    return Process.REPEAT;
  }

  @Override
  public void cancel() {
    queues.remove(this);
    woken = true;
  }
}
