package dev.quire.kvm.server;

import dev.quire.bindings.EventCounter;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.EventDescriptor;
import dev.quire.kvm.wire.Frames;
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;

/**
 * An eventfd of a client, or one of the service's own for a client that cannot pass descriptors.
 * The process's event loop watches it while somebody listens. On the process's thread.
 */
final class LentEvent extends EventDescriptor {
  private final IoEventLoop loop;
  private final EventCounter counter;
  private IoRegistration registration;
  private Runnable listener;

  LentEvent(IoEventLoop loop, EventCounter counter) {
    this.loop = loop;
    this.counter = counter;
  }

  @Override
  public Object identity() {
    return counter.id() < 0 ? this : (Object) counter.id();
  }

  @Override
  public void signal(long value) {
    counter.add(value);
  }

  @Override
  public long consume() {
    return counter.take();
  }

  @Override
  public void listen(Runnable who) {
    listener = who;
    if (who == null && registration != null) {
      registration.cancel();
      registration = null;
    } else if (who != null && registration == null && loop.isCompatible(Watch.class)) {
      loop.register(new Watch())
          .addListener(
              done -> {
                if (done.isSuccess()) {
                  watch((IoRegistration) done.getNow());
                }
              });
    }
  }

  private void watch(IoRegistration made) {
    if (listener == null) {
      made.cancel();
      return;
    }
    registration = made;
    // Edge-triggered: each signal wakes once, whether or not the listener consumes it.
    made.submit(EpollIoOps.EPOLLIN.with(EpollIoOps.EPOLLET));
  }

  @Override
  public long readOn(byte[] target) {
    if (target.length < Long.BYTES) {
      return -Errno.EINVAL;
    }
    long value = counter.take();
    if (value == 0) {
      return -Errno.EAGAIN;
    }
    Frames.putLong(target, 0, value);
    return Long.BYTES;
  }

  /** write(2): 8 or -errno. */
  long write(byte[] source) {
    if (source.length < Long.BYTES) {
      return -Errno.EINVAL;
    }
    counter.add(Frames.getLong(source, 0));
    return Long.BYTES;
  }

  @Override
  protected void released() {
    listen(null);
    counter.close();
  }

  /** The eventfd as the event loop knows it. */
  private final class Watch implements EpollIoHandle {
    private final FileDescriptor descriptor = new FileDescriptor(counter.descriptor());

    @Override
    public FileDescriptor fd() {
      return descriptor;
    }

    @Override
    public void handle(IoRegistration from, IoEvent event) {
      if (listener != null) {
        listener.run();
      }
    }

    @Override
    public void close() {}
  }
}
