package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kvm.client.GuestMemory;
import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.Vcpu;
import dev.quire.kvm.client.VcpuExit;
import dev.quire.kvm.client.Vm;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The service as a client has it, over a UNIX socket. */
class KvmServerTest {
  private static final long RESET_SEGMENT = 0xffff_0000L;

  @TempDir Path folder;

  @Test
  void guestRunsFromTheResetVectorAndItsPortsAreTheClients() throws Exception {
    try (TestService service = new TestService(folder);
        Kvm kvm = Kvm.connect(service.socket)) {
      assertThat(kvm.apiVersion()).isEqualTo(12);
      Vm vm = kvm.createVm();
      GuestMemory memory = vm.addMemory(0, RESET_SEGMENT, 0x10000);
      // in al, 0x20; inc al; out 0x10, al; hlt
      memory.write(
          0xfff0,
          new byte[] {(byte) 0xe4, 0x20, (byte) 0xfe, (byte) 0xc0, (byte) 0xe6, 0x10, (byte) 0xf4});
      Vcpu vcpu = vm.createVcpu(0);
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
