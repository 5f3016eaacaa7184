package dev.quire.kvm.server;

import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.vm.RunCall;

/** A call on a vCPU that is not over: KVM_RUN, or one that waits for it. */
final class PendingRun {
  final CallFrame frame;

  /** Held open until it is over. */
  final Descriptor file;

  final RunCall call;

  /** How many instructions its next turn may take. */
  long slice = TurnLength.FIRST;

  /** When to look again, System.nanoTime, while it waits; 0 while it has something to do. */
  long lookAgain;

  /** How long it waited last. */
  long patience;

  PendingRun(CallFrame frame, Descriptor file, RunCall call) {
    this.frame = frame;
    this.file = file;
    this.call = call;
  }
}
