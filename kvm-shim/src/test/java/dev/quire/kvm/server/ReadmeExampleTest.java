package dev.quire.kvm.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kvm.client.Kvm;
import dev.quire.kvm.client.Vcpu;
import dev.quire.kvm.client.VcpuExit;
import dev.quire.kvm.client.Vm;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The client of README.md. */
class ReadmeExampleTest {
  @TempDir Path folder;

  @Test
  void printsOneCharacter() throws Exception {
    StringBuilder printed = new StringBuilder();
    try (TestService service = new TestService(folder);
        Kvm kvm = Kvm.connect(service.socket);
        Vm vm = kvm.createVm();
        Vcpu vcpu = vm.createVcpu(0)) {
      // At the reset vector: mov al, '!'; out 0xe9, al; hlt
      byte[] code = {(byte) 0xb0, '!', (byte) 0xe6, (byte) 0xe9, (byte) 0xf4};
      vm.addMemory(0, 0xffff_0000L, 0x1_0000).write(0xfff0, code);
      while (vcpu.run() instanceof VcpuExit.Io out) {
        printed.append((char) out.data()[0]);
      }
    }
    assertThat(printed).hasToString("!");
  }
}
