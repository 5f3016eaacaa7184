package dev.quire.kvm.server;

import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.host.ClientHost;
import dev.quire.kvm.vm.RunCall;

/**
 * A call on a vCPU that is not over: KVM_RUN, or one that waits for it. While the client touches a
 * page for it (TOUCH), it has no turns.
 */
final class PendingRun {
  static final long NONE = -1;

  final CallFrame frame;

  /** Held open until it is over. */
  final Descriptor file;

  final RunCall call;

  /** What the VM stands on. */
  final ClientHost host;

  /** What the client was asked to touch; {@link #NONE} if it was not. */
  long touch = NONE;

  /** The host's {@link ClientHost#forgotten} when it was asked. */
  long touchedAt;

  /** Whether a turn of it met memory that the client truncated away. */
  boolean metTruncated;

  /** Whether its next turn executes guest code, as far as anybody knows. */
  boolean executes;

  private boolean signalled;

  /** How many instructions its next turn may take. */
  long slice = TurnLength.FIRST;

  /** When to look again, System.nanoTime, while it waits; 0 while it has something to do. */
  long lookAgain;

  /** How long it waited last. */
  long patience;

  /**
   * @param executes whether it is a KVM_RUN that enters the guest
   */
  PendingRun(CallFrame frame, Descriptor file, RunCall call, ClientHost host, boolean executes) {
    this.frame = frame;
    this.file = file;
    this.call = call;
    this.host = host;
    this.executes = executes;
  }

  /** A signal came, or nobody wants it any more: its next turn is now and the last. */
  void signal() {
    call.signal();
    signalled = true;
    touch = NONE;
    lookAgain = 0;
  }

  /** Whether its next turn is long enough to be had in a slot only. */
  boolean needsSlot() {
    return executes && !signalled;
  }

  /** Whether it waits for the client to touch a page. */
  boolean isTouching() {
    return touch != NONE;
  }
}
