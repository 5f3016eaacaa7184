package dev.quire.kvm.server;

import dev.quire.kvm.vm.RunCall;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The vCPUs of a process that run: they take turns on its thread. One that waits for an interrupt
 * is looked at again after a time that doubles up to 2 ms, or at once when something came in.
 * Guests execute only while the process has a slot. On the process's thread.
 */
final class RunTurns {
  private static final long FIRST_PATIENCE_NS = 20_000;
  private static final long MOST_PATIENCE_NS = 2_000_000;

  private final List<PendingRun> runs = new ArrayList<>();
  private final RunSlot slot;
  private final Consumer<PendingRun> done;
  private final Consumer<PendingRun> waits;

  /**
   * @param slot the process's
   * @param done gets each that is over, already out of the list
   * @param waits gets each whose turn ended with nothing to do
   */
  RunTurns(RunSlot slot, Consumer<PendingRun> done, Consumer<PendingRun> waits) {
    this.slot = slot;
    this.done = done;
    this.waits = waits;
  }

  /** Has it take its turns, the first one now if it may. */
  void begin(PendingRun run) {
    if (mayExecute(run) && turn(run)) {
      done.accept(run);
    } else {
      runs.add(run);
    }
  }

  private boolean mayExecute(PendingRun run) {
    return !run.needsSlot() || slot.take();
  }

  /** Before the thread waits: the slot may be another's if no guest executes. */
  void rest() {
    for (PendingRun run : runs) {
      if (run.needsSlot()) {
        return;
      }
    }
    slot.rest();
  }

  int size() {
    return runs.size();
  }

  boolean isEmpty() {
    return runs.isEmpty();
  }

  List<PendingRun> all() {
    return runs;
  }

  /** Something happened that may concern who waits. */
  void wake() {
    for (PendingRun run : runs) {
      run.lookAgain = 0;
      run.patience = 0;
    }
  }

  /** Gives each its turn. */
  void round() {
    for (int i = 0; i < runs.size(); ) {
      PendingRun run = runs.get(i);
      if (run.isTouching()
          || run.lookAgain != 0 && run.lookAgain - System.nanoTime() > 0
          || !mayExecute(run)) {
        i++;
      } else if (turn(run)) {
        runs.remove(i);
        done.accept(run);
        // Another call may have waited for this vCPU.
        wake();
      } else {
        i++;
      }
    }
  }

  /** Whether it is over. */
  private boolean turn(PendingRun run) {
    long before = System.nanoTime();
    int state = run.call.step(run.slice);
    long now = System.nanoTime();
    if (state == RunCall.WAITING) {
      run.patience = Math.clamp(2 * run.patience, FIRST_PATIENCE_NS, MOST_PATIENCE_NS);
      run.lookAgain = now + run.patience | 1;
      run.executes = false;
      waits.accept(run);
    } else {
      run.lookAgain = 0;
      run.patience = 0;
      run.executes = true;
      run.slice = TurnLength.next(run.slice, now - before);
    }
    if (run.host.metTruncated()) {
      run.metTruncated = true;
      run.signal();
    }
    return state == RunCall.DONE;
  }

  /**
   * How long until somebody has a turn: 0 if now, -1 if nobody ever unless something comes in, a
   * slot for instance.
   */
  long idleNs() {
    long least = -1;
    long now = System.nanoTime();
    for (PendingRun run : runs) {
      if (run.isTouching()) {
        continue;
      }
      long left = run.lookAgain == 0 ? 0 : Math.max(0, run.lookAgain - now);
      if (left == 0 && !mayExecute(run)) {
        continue;
      }
      least = least < 0 ? left : Math.min(least, left);
    }
    return least;
  }
}
