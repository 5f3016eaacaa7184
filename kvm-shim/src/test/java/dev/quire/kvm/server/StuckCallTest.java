package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.KvmException;
import dev.quire.kvm.client.VcpuExit;
import dev.quire.kvm.fd.Descriptor;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A call that never returns, which no call should: only its own client notices. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StuckCallTest {
  /** hlt. */
  private static final int[] HALT = {0xf4};

  @TempDir Path folder;

  /** The first open of /dev/kvm waits until it may go on. */
  private static final class StuckFiles implements ServiceFiles {
    final CountDownLatch goOn = new CountDownLatch(1);
    private final ServiceFiles usual = TestService.files();
    private final AtomicBoolean first = new AtomicBoolean(true);

    @Override
    public Descriptor openKvm() {
      if (first.getAndSet(false)) {
        try {
          goOn.await();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
      return usual.openKvm();
    }

    @Override
    public String text(String path) {
      return usual.text(path);
    }
  }

  @Test
  void itsClientGetsAnErrorAndOthersGoOn() throws Exception {
    StuckFiles files = new StuckFiles();
    ServerSettings settings =
        ServerSettings.DEFAULT.withDeadlines(
            Duration.ofSeconds(10), Duration.ZERO, Duration.ofMillis(400));
    try (TestService service = new TestService(folder, settings, Transport.best(), files)) {
      assertThatThrownBy(() -> Kvm.connect(service.socket))
          .isInstanceOfSatisfying(
              KvmException.class, e -> assertThat(e.errno()).isEqualTo(KvmException.EIO));
      assertThat(service.metrics.hangCount()).isEqualTo(1);
      assertThat(service.server.processCount()).isEqualTo(1);
      try (Kvm other = Kvm.connect(service.socket)) {
        assertThat(new RealModeGuest(other, HALT).vcpu(0).run()).isInstanceOf(VcpuExit.Hlt.class);
      }
      files.goOn.countDown();
      assertThat(TestService.eventually(() -> service.server.processCount() == 0)).isTrue();
      assertThat(service.metrics.hangCount()).isEqualTo(1);
    }
  }
}
