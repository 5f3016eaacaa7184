package dev.quire.kvm.server;

import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.vm.RunCall;
import dev.quire.kvm.wire.Request;
import java.util.ArrayDeque;

/**
 * A KVM_RUN under way, and the calls on the same vCPU that wait for its end. On the process's
 * thread.
 */
final class PendingRun {
  /** A call that came meanwhile. */
  static final class Waiter {
    final CallSocket socket;
    final Request request;
    boolean kicked;

    Waiter(CallSocket socket, Request request) {
      this.socket = socket;
      this.request = request;
    }
  }

  final CallSocket socket;
  final Request request;
  final Descriptor file;
  final RunCall call;
  final ArrayDeque<Waiter> waiters = new ArrayDeque<>();

  /** How many instructions its next turn may take. */
  long slice = TurnLength.FIRST;

  /** When to look again, System.nanoTime, while it waits; 0 while it has something to do. */
  long lookAgain;

  /** How long it waited last. */
  long patience;

  PendingRun(CallSocket socket, Request request, Descriptor file, RunCall call) {
    this.socket = socket;
    this.request = request;
    this.file = file;
    this.call = call;
  }
}
