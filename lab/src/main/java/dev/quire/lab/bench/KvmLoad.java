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
final class KvmLoad {
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

  /** Of a client before time is taken: a VM translates its guest and touches its own memory. */
  private static final int FIRST_EXITS = 100;

  private static final double KIBIBYTES_PER_MEBIBYTE = 1024;

  /**
   * What came of it.
   *
   * @param machines VMs that were made
   * @param firstMebibytes resident after a quarter of the time, and a collection
   * @param lastMebibytes resident at the end, and a collection, all clients being there
   */
  record Outcome(long machines, double firstMebibytes, double lastMebibytes) {}

  /** Something that is looked at while all clients run. */
  private interface Look<T> {
    T look() throws IOException, InterruptedException;
  }

  private final Path socket;
  private final int clients;
  private final long exitsEach;
  private final LongAdder machines = new LongAdder();
  private final LongAdder exits = new LongAdder();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private volatile boolean over;

  /**
   * @param exitsEach after so many a client goes, and another comes
   */
  KvmLoad(Path socket, int clients, long exitsEach) {
    this.socket = socket;
    this.clients = clients;
    this.exitsEach = exitsEach;
  }

  /**
   * Nanoseconds of one exit of all clients together. Nothing else happens meanwhile.
   *
   * @throws IOException if any met an error
   */
  double nanosOfExit(int seconds) throws IOException {
    return run(
        () -> {
          long before = exits.sum();
          long from = System.nanoTime();
          Thread.sleep(seconds * 1000L);
          return (double) (System.nanoTime() - from) / (exits.sum() - before);
        });
  }

  /**
   * What is taken of memory while clients come and go.
   *
   * @throws IOException if any met an error
   */
  Outcome soak(int seconds) throws IOException {
    return run(
        () -> {
          Thread.sleep(seconds * 250L);
          double first = residentMebibytes();
          Thread.sleep(seconds * 750L);
          return new Outcome(machines.sum(), first, residentMebibytes());
        });
  }

  private <T> T run(Look<T> look) throws IOException {
    CountDownLatch ready = new CountDownLatch(clients);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < clients; i++) {
      threads.add(Thread.ofPlatform().name("kvm-client-" + i).start(() -> client(ready)));
    }
    try {
      ready.await();
      T seen = look.look();
      over = true;
      for (Thread thread : threads) {
        thread.join();
      }
      if (failure.get() != null) {
        throw new IOException("a client failed: " + failure.get(), failure.get());
      }
      return seen;
    } catch (InterruptedException e) {
      over = true;
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
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
            run(vcpu, FIRST_EXITS);
            ready.countDown();
            running = true;
          }
          run(vcpu, exitsEach);
          vcpu.close();
          memory.close();
          vm.close();
        }
      }
    } catch (IOException | RuntimeException e) {
      failure.compareAndSet(null, e);
      over = true;
      if (!running) {
        ready.countDown();
      }
    }
  }

  private void run(Vcpu vcpu, long exitsOfIt) throws IOException {
    for (long left = exitsOfIt; left > 0 && !over; left--) {
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

  /** After a collection: what is garbage only waits for one, and says nothing about leaks. */
  private static double residentMebibytes() throws IOException {
    System.gc();
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) / KIBIBYTES_PER_MEBIBYTE;
      }
    }
    throw new IOException("/proc/self/status names no VmRSS");
  }
}
