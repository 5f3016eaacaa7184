package dev.quire.lab.replay;

import dev.quire.kvm.fd.EventDescriptor;

/** An eventfd of a script's process. */
final class EventCounter extends EventDescriptor {
  private long counter;
  private Runnable listener;

  @Override
  public void signal(long value) {
    counter += value;
    if (listener != null && counter != 0) {
      listener.run();
    }
  }

  @Override
  public void listen(Runnable who) {
    listener = who;
    if (listener != null && counter != 0) {
      listener.run();
    }
  }

  @Override
  public long consume() {
    long value = counter;
    counter = 0;
    return value;
  }
}
