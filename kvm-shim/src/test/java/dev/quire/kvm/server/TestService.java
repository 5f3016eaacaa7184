package dev.quire.kvm.server;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.host.ClientMachines;
import dev.quire.kvm.wire.Hello;
import dev.quire.kvm.x86.X86Architecture;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;

/** A service in this process, at a socket in a folder of the test's. */
final class TestService implements AutoCloseable {
  final ServerMetrics metrics = new ServerMetrics(new SimpleMeterRegistry());
  final Path socket;
  final KvmServer server;

  TestService(Path folder) throws IOException {
    this(folder, ServerSettings.DEFAULT, Transport.best());
  }

  TestService(Path folder, ServerSettings settings, Transport transport) throws IOException {
    socket = folder.resolve("kvm.sock");
    KernelProfile profile = KernelProfile.LINUX_6_18;
    server =
        new KvmServer(
            settings,
            transport,
            Hello.X86_64,
            new KvmFiles(
                profile, new X86Architecture(), true, (process, vm, host) -> {}),
            new ClientMachines(HostArchitecture.X86_64, profile, 1L << 30),
            metrics);
    server.listen(new Listener.Unix(socket));
  }

  @Override
  public void close() {
    server.close();
  }
}
