package dev.quire.kernel.mm;

import java.util.function.LongSupplier;

/** A system call that goes on after a wait instead of beginning anew. */
final class ContinuedCall implements UffdWait {
  private final UffdWait wait;
  private final LongSupplier rest;

  private ContinuedCall(UffdWait wait, LongSupplier rest) {
    this.wait = wait;
    this.rest = rest;
  }

  /** Ends a call as blocked: {@code rest} is what it does afterwards, and answers then. */
  static long block(Process task, UffdWait wait, LongSupplier rest) {
    task.setBlockedOn(new ContinuedCall(wait, rest));
    return Process.BLOCKED;
  }

  @Override
  public boolean woken() {
    return wait.woken();
  }

  @Override
  public long resume() {
    if (!wait.woken()) {
      throw new IllegalStateException("the call still waits");
    }
    return rest.getAsLong();
  }

  @Override
  public void cancel() {
    wait.cancel();
  }
}
