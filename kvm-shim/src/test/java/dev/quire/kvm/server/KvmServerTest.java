package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.Vcpu;
import dev.quire.kvm.client.VcpuExit;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The service as a client has it, over a UNIX socket. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KvmServerTest {
  @TempDir Path folder;

  @Test
  void guestRunsAndItsPortsAreTheClients() throws Exception {
    try (TestService service = new TestService(folder);
        Kvm kvm = Kvm.connect(service.socket)) {
      assertThat(kvm.apiVersion()).isEqualTo(12);
      // in al, 0x20; inc al; out 0x10, al; hlt
      RealModeGuest guest =
          new RealModeGuest(kvm, 0xe4, 0x20, 0xfe, 0xc0, 0xe6, 0x10, 0xf4);
      Vcpu vcpu = guest.vcpu(0);
      VcpuExit.Io in = (VcpuExit.Io) vcpu.run();
      assertThat(in.out()).isFalse();
      assertThat(in.port()).isEqualTo(0x20);
      vcpu.answer(new byte[] {41});
      VcpuExit.Io out = (VcpuExit.Io) vcpu.run();
      assertThat(out.out()).isTrue();
      assertThat(out.data()).containsExactly(42);
      assertThat(vcpu.run()).isInstanceOf(VcpuExit.Hlt.class);
    }
  }
}
