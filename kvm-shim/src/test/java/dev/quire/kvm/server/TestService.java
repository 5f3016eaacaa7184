package dev.quire.kvm.server;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.host.ClientMachines;
import dev.quire.kvm.wire.Hello;
import dev.quire.kvm.x86.X86Architecture;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** A service in this process, at a socket in a folder of the test's. */
final class TestService implements AutoCloseable {
  private static final long LENT_BYTES = 1L << 30;
  private static final long PATIENCE_MS = 20_000;

  final ServerMetrics metrics = new ServerMetrics(new SimpleMeterRegistry());
  final Path socket;
  final KvmServer server;

  TestService(Path folder) throws IOException {
    this(folder, ServerSettings.DEFAULT, Transport.best());
  }

  TestService(Path folder, ServerSettings settings, Transport transport) throws IOException {
    this(folder, settings, transport, KernelProfile.LINUX_6_18);
  }

  TestService(Path folder, ServerSettings settings, Transport transport, KernelProfile kernel)
      throws IOException {
    this(folder, settings, transport, kernel, files(kernel));
  }

  TestService(Path folder, ServerSettings settings, Transport transport, ServiceFiles files)
      throws IOException {
    this(folder, settings, transport, KernelProfile.LINUX_6_18, files);
  }

  private TestService(
      Path folder,
      ServerSettings settings,
      Transport transport,
      KernelProfile kernel,
      ServiceFiles files)
      throws IOException {
    socket = folder.resolve("kvm.sock");
    server =
        new KvmServer(
            settings,
            transport,
            Hello.X86_64,
            files,
            new ClientMachines(HostArchitecture.X86_64, kernel, LENT_BYTES),
            metrics);
    server.listen(new Listener.Unix(socket));
  }

  /** What a service has, usually. */
  static ServiceFiles files() {
    return files(KernelProfile.LINUX_6_18);
  }

  private static ServiceFiles files(KernelProfile kernel) {
    return new KvmFiles(kernel, new X86Architecture(), true, (process, vm, host) -> {});
  }

  /** A file of the tests' resources. */
  static Path resource(String name) {
    try {
      return Path.of(TestService.class.getResource(name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Waits until something holds: false if it never does. */
  static boolean eventually(BooleanSupplier holds) throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE_MS * 1_000_000;
    while (!holds.getAsBoolean()) {
      if (System.nanoTime() - deadline > 0) {
        return false;
      }
      Thread.sleep(5);
    }
    return true;
  }

  /**
   * Descriptors that this process has open, but for files: the JVM opens a library when its first
   * class is needed.
   */
  static long descriptors() {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.filter(TestService::isNoFile).count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isNoFile(Path descriptor) {
    try {
      String target = Files.readSymbolicLink(descriptor).toString();
      return !target.startsWith("/") || target.startsWith("/memfd:");
    } catch (IOException closed) {
      return false;
    }
  }

  /** Of the heap that is in use after a collection. */
  static long liveBytes() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  /** That this process has reserved. */
  static long addressSpaceBytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmSize:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) << 10;
      }
    }
    throw new IOException("/proc/self/status names no VmSize");
  }

  /** Threads of processes of the service. */
  static long processThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("kvm-process-"))
        .count();
  }

  @Override
  public void close() {
    server.close();
  }
}
