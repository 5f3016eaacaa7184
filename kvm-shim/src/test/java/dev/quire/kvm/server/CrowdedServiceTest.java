package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.Vcpu;
import dev.quire.kvm.client.VcpuExit;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** More processes want to execute guests than may at the same time. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CrowdedServiceTest {
  private static final int EXITS = 150;

  /** jmp $. */
  private static final int[] SPIN = {0xeb, 0xfe};

  /** again: inc al; out 0x10, al; jmp again. */
  private static final int[] COUNT = {0xfe, 0xc0, 0xe6, 0x10, 0xeb, 0xfa};

  @TempDir Path folder;

  private TestService service(int running) throws Exception {
    return new TestService(folder, ServerSettings.DEFAULT.withRunning(running), Transport.best());
  }

  private static void counts(Vcpu vcpu) {
    for (int i = 1; i <= EXITS; i++) {
      assertThat(((VcpuExit.Io) vcpu.run()).data()).containsExactly(i);
    }
  }

  @Test
  void eachOfManyHasItsTurns() throws Exception {
    try (TestService service = service(2);
        ExecutorService clients = Executors.newCachedThreadPool()) {
      List<CompletableFuture<Void>> all = new ArrayList<>();
      for (int i = 0; i < 24; i++) {
        all.add(
            CompletableFuture.runAsync(
                () -> {
                  try (Kvm kvm = Kvm.connect(service.socket)) {
                    counts(new RealModeGuest(kvm, COUNT).vcpu(0));
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                },
                clients));
      }
      for (CompletableFuture<Void> one : all) {
        one.get();
      }
      assertThat(TestService.eventually(() -> service.server.processCount() == 0)).isTrue();
      assertThat(service.server.waitingCount()).isZero();
    }
  }

  /** Guests that never leave KVM_RUN, more than may execute. */
  private static final class Spinners implements AutoCloseable {
    final List<Kvm> clients = new ArrayList<>();

    Spinners(TestService service, int count) throws Exception {
      for (int i = 0; i < count; i++) {
        Kvm kvm = Kvm.connect(service.socket);
        Vcpu vcpu = new RealModeGuest(kvm, SPIN).vcpu(0);
        clients.add(kvm);
        Thread.ofPlatform().start(() -> runUntilItEnds(vcpu));
      }
      assertThat(TestService.eventually(() -> service.server.waitingCount() > 0)).isTrue();
    }

    @Override
    public void close() {
      clients.forEach(Kvm::close);
    }
  }

  @Test
  void guestsThatNeverExitKeepNobodyFromRunning() throws Exception {
    try (TestService service = service(1);
        Spinners _ = new Spinners(service, 2);
        Kvm kvm = Kvm.connect(service.socket)) {
      counts(new RealModeGuest(kvm, COUNT).vcpu(0));
    }
  }

  /** Takes the one slot and the first places in the queue: enough for 20 s. */
  private static void occupy(RunSlots slots) {
    for (int i = 0; i < 5_000; i++) {
      new RunSlot(slots, () -> {}).take();
    }
  }

  @Test
  void whoWaitsForItsTurnCanBeCalledOut() throws Exception {
    try (TestService service = service(1);
        Kvm kvm = Kvm.connect(service.socket)) {
      RunSlots slots = service.server.slots();
      occupy(slots);
      Vcpu vcpu = new RealModeGuest(kvm, SPIN).vcpu(0);
      CompletableFuture<VcpuExit> run =
          CompletableFuture.supplyAsync(vcpu::run, task -> new Thread(task).start());
      while (!run.isDone()) {
        vcpu.kick();
        Thread.sleep(1);
      }
      assertThat(run.get()).isInstanceOf(VcpuExit.Interrupted.class);
      assertThat(slots.isContended()).isTrue();
    }
  }

  @Test
  void whatExecutesNothingNeedsNoTurn() throws Exception {
    try (TestService service = service(1);
        Kvm kvm = Kvm.connect(service.socket)) {
      RunSlots slots = service.server.slots();
      occupy(slots);
      Vcpu vcpu = new RealModeGuest(kvm, COUNT).vcpu(0);
      vcpu.setImmediateExit(true);
      assertThat(vcpu.run()).isInstanceOf(VcpuExit.Interrupted.class);
      assertThat(slots.isContended()).isTrue();
    }
  }

  @Test
  void processThatEndsLeavesItsTurnToOthers() throws Exception {
    try (TestService service = service(1)) {
      try (Spinners _ = new Spinners(service, 3)) {
        assertThat(service.server.processCount()).isEqualTo(3);
      }
      assertThat(TestService.eventually(() -> service.server.processCount() == 0)).isTrue();
      assertThat(service.server.waitingCount()).isZero();
      assertThat(new RunSlot(service.server.slots(), () -> {}).take()).isTrue();
    }
  }

  /** A service that ends while its processes are awake, asleep and waiting ends all of them. */
  @Test
  void serviceEndsWhateverItsProcessesAreDoing() throws Exception {
    for (int round = 0; round < 20; round++) {
      TestService service = service(1);
      List<Kvm> clients = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        Kvm kvm = Kvm.connect(service.socket);
        Vcpu vcpu = new RealModeGuest(kvm, i % 2 == 0 ? COUNT : SPIN).vcpu(0);
        clients.add(kvm);
        Thread.ofPlatform().start(() -> runUntilItEnds(vcpu));
      }
      Thread.sleep(round);
      service.close();
      assertThat(service.server.processCount()).isZero();
      clients.forEach(Kvm::close);
    }
  }

  private static void runUntilItEnds(Vcpu vcpu) {
    try {
      while (true) {
        vcpu.run();
      }
    } catch (RuntimeException e) {
      // The service has ended.
    }
  }
}
