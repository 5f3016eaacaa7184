package dev.quire.lab.exec;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.host.ClientMachines;
import dev.quire.kvm.server.KvmFiles;
import dev.quire.kvm.server.KvmServer;
import dev.quire.kvm.server.Listener;
import dev.quire.kvm.server.ServerMetrics;
import dev.quire.kvm.server.ServerSettings;
import dev.quire.kvm.server.Transport;
import dev.quire.kvm.wire.Hello;
import dev.quire.kvm.x86.X86Architecture;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The KVM service for one program: a socket in a folder of its own that nobody else can enter. */
public final class PrivateService implements AutoCloseable {
  private static final long MOST_GUEST_BYTES = 8L << 30;

  private final KvmServer server;
  private final Path folder;

  private PrivateService(KvmServer server, Path folder) {
    this.server = server;
    this.folder = folder;
  }

  /**
   * Starts one.
   *
   * @throws MissingToolException this machine cannot pass descriptors over sockets
   * @throws IOException no socket can be made
   */
  public static PrivateService start(ProgramArch arch, KernelProfile profile) throws IOException {
    if (Transport.best() != Transport.EPOLL) {
      throw new MissingToolException(
          "descriptors have to travel over UNIX sockets, which takes Linux on x86-64 or arm64");
    }
    if (arch != ProgramArch.X86_64) {
      throw new MissingToolException("the service has no " + arch.title() + " KVM yet");
    }
    KvmServer server =
        new KvmServer(
            ServerSettings.DEFAULT,
            Transport.EPOLL,
            Hello.X86_64,
            new KvmFiles(profile, new X86Architecture(), true, (process, vm, host) -> {}),
            new ClientMachines(HostArchitecture.X86_64, profile, MOST_GUEST_BYTES),
            new ServerMetrics(new SimpleMeterRegistry()));
    Path folder = Files.createTempDirectory("quire-exec");
    PrivateService service = new PrivateService(server, folder);
    try {
      server.listen(new Listener.Unix(service.socket()));
    } catch (IOException e) {
      service.close();
      throw e;
    }
    return service;
  }

  /** Where it listens. */
  public Path socket() {
    return folder.resolve("kvm.sock");
  }

  @Override
  public void close() throws IOException {
    server.close();
    Files.deleteIfExists(socket());
    Files.deleteIfExists(folder);
  }
}
