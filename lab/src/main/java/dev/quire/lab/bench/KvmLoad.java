package dev.quire.lab.bench;

import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.client.GuestMemory;
import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.Vcpu;
import dev.quire.kvm.client.VcpuExit;
import dev.quire.kvm.client.Vm;
import dev.quire.kvm.wire.Frames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;

/**
 * Clients of a KVM service, each a process of the service with a VM of one vCPU, whose guest counts
 * and says so at a port, over and over.
 */
final class KvmLoad implements AutoCloseable {
  /** again: mov cx, 1000; wait: loop wait; out 0x10, al; jmp again. */
  private static final byte[] CODE = {
    (byte) 0xb9,
    (byte) 0xe8,
    0x03,
    (byte) 0xe2,
    (byte) 0xfe,
    (byte) 0xe6,
    0x10,
    (byte) 0xeb,
    (byte) 0xf7
  };

  private static final int CODE_GPA = 0x1000;
  private static final int MEMORY_BYTES = 1 << 20;
  private static final int SREGS_BYTES = 312;
  private static final int REGS_BYTES = 144;
  private static final int CS_SELECTOR = 12;
  private static final int RIP = 128;
  private static final int RFLAGS = 136;

  private static final double KIBIBYTES_PER_MEBIBYTE = 1024;
  private static final int MOST_COLLECTIONS = 20;
  private static final double STILL_SHRINKING = 0.98;

  /**
   * What came of it.
   *
   * @param machines VMs that were made
   * @param firstMebibytes resident after a quarter of the time, and collections
   * @param lastMebibytes resident at the end, and collections, all clients being there
   */
  record Outcome(long machines, double firstMebibytes, double lastMebibytes) {}

  private final Path socket;
  private final long exitsEach;
  private final List<Thread> threads = new ArrayList<>();
  private final LongAdder machines = new LongAdder();
  private final LongAdder exits = new LongAdder();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private volatile boolean over;
  private volatile boolean paused;

  private KvmLoad(Path socket, long exitsEach) {
    this.socket = socket;
    this.exitsEach = exitsEach;
  }

  /**
   * Begins, and returns when all clients run.
   *
   * @param exitsEach after so many a client goes, and another comes
   * @throws IOException if any met an error
   */
  static KvmLoad start(Path socket, int clients, long exitsEach) throws IOException {
    KvmLoad load = new KvmLoad(socket, exitsEach);
    CountDownLatch ready = new CountDownLatch(clients);
    for (int i = 0; i < clients; i++) {
      load.threads.add(Thread.ofPlatform().name("kvm-client-" + i).start(() -> load.client(ready)));
    }
    try {
      ready.await();
    } catch (InterruptedException e) {
      load.end();
      throw interrupted(e);
    }
    return load;
  }

  /** Has the clients wait where they are, with all they have open. */
  void pause() {
    paused = true;
  }

  /**
   * Has them run for so long, and then wait: nanoseconds of one exit of all together.
   *
   * @throws IOException if any met an error
   */
  double nanosOfExit(int millis) throws IOException {
    resume();
    long before = exits.sum();
    long from = System.nanoTime();
    sleep(millis);
    double nanos = (double) (System.nanoTime() - from) / (exits.sum() - before);
    pause();
    check();
    return nanos;
  }

  private synchronized void resume() {
    paused = false;
    notifyAll();
  }

  private synchronized void awaitTurn() {
    while (paused && !over) {
      try {
        wait();
      } catch (InterruptedException e) {
        over = true;
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * What is taken of memory while clients come and go.
   *
   * @throws IOException if any met an error
   */
  Outcome soak(int seconds) throws IOException {
    sleep(seconds * 250L);
    double first = residentMebibytes();
    sleep(seconds * 750L);
    return new Outcome(machines.sum(), first, residentMebibytes());
  }

  private void sleep(long millis) throws IOException {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      end();
      throw interrupted(e);
    }
  }

  private static IOException interrupted(InterruptedException cause) {
    Thread.currentThread().interrupt();
    return new IOException("interrupted", cause);
  }

  private void end() {
    over = true;
    resume();
  }

  private void check() throws IOException {
    Throwable cause = failure.get();
    if (cause != null) {
      throw new IOException("a client failed: " + cause, cause);
    }
  }

  /**
   * Ends all clients and waits for them.
   *
   * @throws IOException if any met an error
   */
  @Override
  public void close() throws IOException {
    end();
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw interrupted(e);
      }
    }
    check();
  }

  private void client(CountDownLatch ready) {
    boolean running = false;
    try {
      while (!over) {
        try (Kvm kvm = Kvm.connect(socket)) {
          Vm vm = kvm.createVm();
          GuestMemory memory = vm.addMemory(0, 0, MEMORY_BYTES);
          memory.write(CODE_GPA, CODE);
          Vcpu vcpu = vcpu(vm);
          machines.increment();
          if (!running) {
            ready.countDown();
            running = true;
          }
          run(vcpu);
          vcpu.close();
          memory.close();
          vm.close();
        }
      }
    } catch (IOException | RuntimeException e) {
      failure.compareAndSet(null, e);
      end();
    } finally {
      if (!running) {
        ready.countDown();
      }
    }
  }

  private void run(Vcpu vcpu) throws IOException {
    for (long left = exitsEach; left > 0 && !over; left--) {
      if (paused) {
        awaitTurn();
      }
      if (!(vcpu.run() instanceof VcpuExit.Io)) {
        throw new IOException("the guest did something else than its OUT");
      }
      exits.increment();
    }
  }

  private static Vcpu vcpu(Vm vm) {
    Vcpu vcpu = vm.createVcpu(0);
    byte[] sregs = new byte[SREGS_BYTES];
    vcpu.ioctl(Ioctls.GET_SREGS, 0, sregs);
    Frames.putLong(sregs, 0, 0);
    Frames.putShort(sregs, CS_SELECTOR, 0);
    vcpu.ioctl(Ioctls.SET_SREGS, 0, sregs);
    byte[] regs = new byte[REGS_BYTES];
    Frames.putLong(regs, RIP, CODE_GPA);
    Frames.putLong(regs, RFLAGS, 2);
    vcpu.ioctl(Ioctls.SET_REGS, 0, regs);
    return vcpu;
  }

  /**
   * When collections give nothing back any more: what is garbage only waits for one, and says
   * nothing about leaks. The first leaves what others' cleaners still have to let go, and a heap
   * that is large for what is in it.
   */
  private static double residentMebibytes() throws IOException {
    double resident = collected();
    for (int i = 0; i < MOST_COLLECTIONS; i++) {
      double next = collected();
      if (next > resident * STILL_SHRINKING) {
        return next;
      }
      resident = next;
    }
    return resident;
  }

  private static double collected() throws IOException {
    System.gc();
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) / KIBIBYTES_PER_MEBIBYTE;
      }
    }
    throw new IOException("/proc/self/status names no VmRSS");
  }
}
