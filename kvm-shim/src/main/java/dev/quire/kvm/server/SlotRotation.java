package dev.quire.kvm.server;

import java.util.concurrent.TimeUnit;

/** Has the {@link RunSlots} go round while anybody waits for one. A thread of its own. */
final class SlotRotation implements AutoCloseable {
  private static final long PERIOD_NS = RunSlots.QUANTUM_NS / 4;

  private final RunSlots slots;
  private final Thread thread;

  SlotRotation(RunSlots slots) {
    this.slots = slots;
    thread = new Thread(this::turn, "kvm-slots");
    thread.setDaemon(true);
    thread.start();
  }

  private void turn() {
    try {
      while (true) {
        slots.awaitContention();
        TimeUnit.NANOSECONDS.sleep(PERIOD_NS);
        slots.rotate();
      }
    } catch (InterruptedException e) {
      // The service ends.
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
