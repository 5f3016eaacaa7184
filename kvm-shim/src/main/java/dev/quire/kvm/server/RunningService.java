package dev.quire.kvm.server;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kvm.arm64.Arm64Architecture;
import dev.quire.kvm.host.ClientMachines;
import dev.quire.kvm.vm.Architecture;
import dev.quire.kvm.wire.Hello;
import dev.quire.kvm.x86.X86Architecture;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;

/** A service with all its parts: the place where they are put together. Thread-safe. */
public final class RunningService implements AutoCloseable {
  private final KvmServer server;
  private final ServerMetrics metrics;
  private final StatusServer status;

  private RunningService(KvmServer server, ServerMetrics metrics, StatusServer status) {
    this.server = server;
    this.metrics = metrics;
    this.status = status;
  }

  /**
   * Starts one; it listens nowhere yet but at its HTTP port.
   *
   * @throws IOException with one line to tell the user
   */
  public static RunningService start(ServiceOptions options) throws IOException {
    Architecture architecture = options.x86() ? new X86Architecture() : new Arm64Architecture();
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    ServerMetrics metrics = new ServerMetrics(registry);
    KvmServer server =
        new KvmServer(
            options.settings(),
            Transport.best(),
            options.x86() ? Hello.X86_64 : Hello.ARM64,
            new KvmFiles(options.profile(), architecture, options.x86(), options.reports()),
            new ClientMachines(
                options.x86() ? HostArchitecture.X86_64 : HostArchitecture.ARM64,
                options.profile(),
                options.settings().limits().memoryBytes()),
            metrics);
    StatusServer status = null;
    if (options.http() != null) {
      try {
        status = StatusServer.start(options.http(), registry, server, metrics);
      } catch (IOException e) {
        server.close();
        throw e;
      }
    }
    return new RunningService(server, metrics, status);
  }

  /** Listens from now on, as {@link KvmServer#listen}. */
  public SocketAddress listen(Listener listener) throws IOException {
    return server.listen(listener);
  }

  /** Where the HTTP port is, or null. */
  public InetSocketAddress http() {
    return status == null ? null : status.address();
  }

  public ServerMetrics metrics() {
    return metrics;
  }

  public KvmServer server() {
    return server;
  }

  @Override
  public void close() {
    if (status != null) {
      status.close();
    }
    server.close();
  }
}
