package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.KvmException;
import dev.quire.kvm.client.Vcpu;
import dev.quire.kvm.client.VcpuExit;
import dev.quire.kvm.wire.Hello;
import dev.quire.kvm.wire.Limits;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The service as a client has it, over a UNIX socket. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KvmServerTest {
  private static final int EMFILE = 24;
  private static final int ENOMEM = 12;
  private static final int ENOEXEC = 8;

  /** in al, 0x20; inc al; out 0x10, al; hlt. */
  private static final int[] ECHO = {0xe4, 0x20, 0xfe, 0xc0, 0xe6, 0x10, 0xf4};

  /** jmp $. */
  private static final int[] SPIN = {0xeb, 0xfe};

  @TempDir Path folder;

  private static void echoes(Vcpu vcpu, int value) {
    VcpuExit.Io in = (VcpuExit.Io) vcpu.run();
    assertThat(in.out()).isFalse();
    assertThat(in.port()).isEqualTo(0x20);
    vcpu.answer(new byte[] {(byte) value});
    VcpuExit.Io out = (VcpuExit.Io) vcpu.run();
    assertThat(out.out()).isTrue();
    assertThat(out.data()).containsExactly(value + 1);
    assertThat(vcpu.run()).isInstanceOf(VcpuExit.Hlt.class);
  }

  @Test
  void guestRunsAndItsPortsAreTheClients() throws Exception {
    try (TestService service = new TestService(folder);
        Kvm kvm = Kvm.connect(service.socket)) {
      assertThat(kvm.apiVersion()).isEqualTo(12);
      echoes(new RealModeGuest(kvm, ECHO).vcpu(0), 41);
    }
  }

  @Test
  void theSameWithoutNativeTransportAndSoWithoutSharedMemory() throws Exception {
    try (TestService service = new TestService(folder, ServerSettings.DEFAULT, Transport.NIO);
        Kvm kvm = Kvm.connect(service.socket)) {
      RealModeGuest guest = new RealModeGuest(kvm, ECHO);
      echoes(guest.vcpu(0), 6);
      assertThat(guest.memory.read(RealModeGuest.CODE, 2)).containsExactly(0xe4, 0x20);
    }
  }

  /** The client stores to shared memory without a word; the guest had executed from there. */
  @Test
  void codeThatTheClientReplacesIsTheCodeThatRuns() throws Exception {
    try (TestService service = new TestService(folder);
        Kvm kvm = Kvm.connect(service.socket)) {
      // again: mov al, 1; out 0x10, al; jmp again
      RealModeGuest guest = new RealModeGuest(kvm, 0xb0, 1, 0xe6, 0x10, 0xeb, 0xfa);
      Vcpu vcpu = guest.vcpu(0);
      for (int value = 1; value < 20; value++) {
        guest.memory.write(RealModeGuest.CODE + 1, new byte[] {(byte) value});
        assertThat(((VcpuExit.Io) vcpu.run()).data()).containsExactly(value);
      }
    }
  }

  @Test
  void onlyTheUserCanOpenTheSocket() throws Exception {
    try (TestService service = new TestService(folder)) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(service.socket)))
          .isEqualTo("rw-------");
      assertThatThrownBy(() -> new TestService(folder)).hasMessageContaining("already");
    }
    assertThat(service(folder)).doesNotExist();
  }

  private static Path service(Path folder) {
    return folder.resolve("kvm.sock");
  }

  @Test
  void socketThatAKilledServiceLeftIsReplaced() throws Exception {
    java.net.UnixDomainSocketAddress address = java.net.UnixDomainSocketAddress.of(service(folder));
    java.nio.channels.ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX)
        .bind(address)
        .close();
    try (TestService service = new TestService(folder);
        Kvm kvm = Kvm.connect(service.socket)) {
      assertThat(kvm.apiVersion()).isEqualTo(12);
    }
  }

  @Test
  void otherArchitectureIsRefused() throws Exception {
    try (TestService service = new TestService(folder)) {
      assertThatThrownBy(() -> Kvm.connect(service.socket, Hello.ARM64))
          .hasMessageEndingWith(": errno 8")
          .isInstanceOfSatisfying(
              KvmException.class, e -> assertThat(e.errno()).isEqualTo(ENOEXEC));
    }
  }

  /** Four threads, four vCPUs: each adds 1 to a word 500 times under a lock with XCHG. */
  @Test
  void fourVcpusShareASpinlock() throws Exception {
    int[] code = {
      0xb9,
      0xf4,
      0x01, // mov cx, 500
      0xb0,
      0x01, // again: mov al, 1
      0x86,
      0x06,
      0x00,
      0x20, // xchg [0x2000], al
      0x84,
      0xc0, // test al, al
      0x75,
      0xf6, // jnz again
      0xa1,
      0x02,
      0x20, // mov ax, [0x2002]
      0x40, // inc ax
      0xa3,
      0x02,
      0x20, // mov [0x2002], ax
      0xc6,
      0x06,
      0x00,
      0x20,
      0x00, // mov byte [0x2000], 0
      0xe2,
      0xe8, // loop again
      0xf4 // hlt
    };
    try (TestService service = new TestService(folder);
        Kvm kvm = Kvm.connect(service.socket)) {
      RealModeGuest guest = new RealModeGuest(kvm, code);
      List<CompletableFuture<VcpuExit>> runs = new ArrayList<>();
      for (int id = 0; id < 4; id++) {
        Vcpu vcpu = guest.vcpu(id);
        runs.add(CompletableFuture.supplyAsync(vcpu::run, task -> new Thread(task).start()));
      }
      for (CompletableFuture<VcpuExit> run : runs) {
        assertThat(run.get()).isInstanceOf(VcpuExit.Hlt.class);
      }
      byte[] sum = guest.memory.read(0x2002, 2);
      assertThat((sum[0] & 0xff) + ((sum[1] & 0xff) << 8)).isEqualTo(2000);
    }
  }

  @Test
  void kickEndsOneVcpuWhileAnotherSpins() throws Exception {
    try (TestService service = new TestService(folder);
        Kvm kvm = Kvm.connect(service.socket)) {
      RealModeGuest guest = new RealModeGuest(kvm, SPIN);
      Vcpu first = guest.vcpu(0);
      Vcpu second = guest.vcpu(1);
      CompletableFuture<VcpuExit> one = CompletableFuture.supplyAsync(first::run);
      CompletableFuture<VcpuExit> two =
          CompletableFuture.supplyAsync(second::run, task -> new Thread(task).start());
      while (!one.isDone()) {
        first.kick();
        Thread.sleep(1);
      }
      assertThat(one.get()).isInstanceOf(VcpuExit.Interrupted.class);
      assertThat(two).isNotDone();
      while (!two.isDone()) {
        second.kick();
        Thread.sleep(1);
      }
      assertThat(two.get()).isInstanceOf(VcpuExit.Interrupted.class);
    }
  }

  @Test
  void clientOfAServiceThatEndsGetsAnErrorAndNoHang() throws Exception {
    TestService service = new TestService(folder);
    try (Kvm kvm = Kvm.connect(service.socket)) {
      Vcpu vcpu = new RealModeGuest(kvm, SPIN).vcpu(0);
      CompletableFuture<VcpuExit> run = CompletableFuture.supplyAsync(vcpu::run);
      Thread.sleep(50);
      service.close();
      assertThatThrownBy(run::get)
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(KvmException.class);
      assertThatThrownBy(kvm::apiVersion)
          .isInstanceOfSatisfying(
              KvmException.class, e -> assertThat(e.errno()).isEqualTo(KvmException.EIO));
    }
  }

  /** A client may go at any moment: while a vCPU spins, between calls, in the middle of making. */
  @Test
  void clientThatVanishesLeavesNothing() throws Exception {
    try (TestService service = new TestService(folder);
        Kvm witness = Kvm.connect(service.socket)) {
      Vcpu alive = new RealModeGuest(witness, ECHO).vcpu(0);
      long threads = TestService.processThreads();
      long descriptors = TestService.descriptors();
      for (int round = 0; round < 12; round++) {
        Kvm kvm = Kvm.connect(service.socket);
        RealModeGuest guest = new RealModeGuest(kvm, SPIN);
        Vcpu vcpu = guest.vcpu(0);
        CompletableFuture<VcpuExit> run = CompletableFuture.supplyAsync(vcpu::run);
        Thread.sleep(round);
        kvm.close();
        assertThatThrownBy(run::get).isInstanceOf(ExecutionException.class);
      }
      assertThat(TestService.eventually(() -> service.server.processCount() == 1)).isTrue();
      assertThat(TestService.eventually(() -> TestService.processThreads() == threads)).isTrue();
      // The clients' own: a mapping holds none.
      assertThat(TestService.eventually(() -> TestService.descriptors() <= descriptors))
          .as("%d descriptors, %d before", TestService.descriptors(), descriptors)
          .isTrue();
      assertThat(service.server.socketCount()).isEqualTo(2);
      assertThat(service.metrics.defectCount()).isZero();
      echoes(alive, 9);
    }
  }

  @Test
  void quotasEndInTheKernelsErrors() throws Exception {
    Limits limits = new Limits(1 << 20, 8, 2, 3, 4 << 20, 64);
    ServerSettings settings = ServerSettings.DEFAULT.withLimits(limits);
    try (TestService service = new TestService(folder, settings, Transport.best());
        Kvm kvm = Kvm.connect(service.socket)) {
      RealModeGuest guest = new RealModeGuest(kvm, ECHO);
      for (int id = 0; id < 3; id++) {
        guest.vcpu(id);
      }
      assertErrno(EMFILE, () -> guest.vcpu(3));
      assertErrno(ENOMEM, () -> guest.vm.addMemory(1, 1 << 24, 8 << 20));
      kvm.createVm().close();
      kvm.createVm().close();
      kvm.createVm();
      assertErrno(EMFILE, kvm::createVm);
    }
  }

  private static void assertErrno(
      int errno, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call)
        .hasMessageEndingWith(": " + Errno.name(errno))
        .isInstanceOfSatisfying(KvmException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  @Test
  void silentSocketsAndIdleProcessesAreClosed() throws Exception {
    ServerSettings settings =
        ServerSettings.DEFAULT.withDeadlines(
            Duration.ofMillis(200), Duration.ofMillis(300), Duration.ofSeconds(60));
    try (TestService service = new TestService(folder, settings, Transport.best());
        java.nio.channels.SocketChannel silent =
            java.nio.channels.SocketChannel.open(
                java.net.UnixDomainSocketAddress.of(service.socket));
        Kvm idle = Kvm.connect(service.socket)) {
      assertThat(silent.read(java.nio.ByteBuffer.allocate(1))).isEqualTo(-1);
      assertThat(TestService.eventually(() -> service.server.processCount() == 0)).isTrue();
      assertThatThrownBy(idle::apiVersion).isInstanceOf(KvmException.class);
    }
  }
}
