package dev.quire.lab.exec;

import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.server.Listener;
import dev.quire.kvm.server.RunningService;
import dev.quire.kvm.server.ServiceOptions;
import dev.quire.kvm.server.Transport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The KVM service for one program: a socket in a folder of its own that nobody else can enter. */
public final class PrivateService implements AutoCloseable {
  private final RunningService service;
  private final Path folder;

  private PrivateService(RunningService service, Path folder) {
    this.service = service;
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
    ServiceOptions usual = ServiceOptions.DEFAULT;
    ServiceOptions options =
        new ServiceOptions(
            arch == ProgramArch.X86_64, profile, usual.settings(), null, usual.reports());
    RunningService running = RunningService.start(options);
    PrivateService service;
    try {
      service = new PrivateService(running, Files.createTempDirectory("quire-exec"));
    } catch (IOException e) {
      running.close();
      throw e;
    }
    try {
      running.listen(new Listener.Unix(service.socket()));
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
    service.close();
    Files.deleteIfExists(socket());
    Files.deleteIfExists(folder);
  }
}
