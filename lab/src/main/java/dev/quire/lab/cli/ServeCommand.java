package dev.quire.lab.cli;

import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.server.Listener;
import dev.quire.kvm.server.RunningService;
import dev.quire.kvm.server.ServerSettings;
import dev.quire.kvm.server.ServiceOptions;
import dev.quire.kvm.wire.Limits;
import dev.quire.lab.report.JsonLines;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code quire serve}: the KVM service until it is told to end. */
@Command(
    name = "serve",
    description = "Serve /dev/kvm to clients: the ioctls of Linux's KVM over a socket.",
    footer =
        "%nClients: quire exec, the preload library, dev.quire.kvm.client; the protocol is in"
            + " docs/WIRE.md. Ends with Ctrl-C, SIGTERM or --timeout.")
public final class ServeCommand implements Callable<Integer> {
  private static final String UNIX = "unix:";
  private static final String TCP = "tcp:";

  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Option(
      names = "--listen",
      required = true,
      paramLabel = "ADDRESS",
      description = "unix:PATH (mode 0600) or tcp:HOST:PORT (TLS 1.3 only); may be repeated.")
  List<String> listen;

  @Option(
      names = "--tls-cert",
      paramLabel = "FILE",
      description = "Certificate chain for tcp: listeners, PEM.")
  Path certificate;

  @Option(names = "--tls-key", paramLabel = "FILE", description = "Its private key, PKCS 8 PEM.")
  Path key;

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      description = "What clients of tcp: listeners must know: the file's first line.")
  Path token;

  @Option(
      names = "--http",
      paramLabel = "HOST:PORT",
      description = "Serve Prometheus metrics and a live page there.")
  String http;

  @Option(
      names = "--report",
      paramLabel = "DIR",
      description = "Write the memory report of each VM there when it ends.")
  Path report;

  @Option(
      names = "--arch",
      paramLabel = "ARCH",
      description = "KVM of an x86_64 or an arm64 host (default: this machine's).")
  String arch;

  @Option(
      names = "--host-kernel",
      paramLabel = "PROFILE",
      defaultValue = "linux-6.18",
      description =
          "The host's kernel: linux-6.18, linux-7.1, rfc-write, each with an optional"
              + " +memory-attributes (default: ${DEFAULT-VALUE}).")
  String hostKernel;

  @Option(
      names = "--max-memory",
      paramLabel = "SIZE",
      defaultValue = "16G",
      description = "Most guest memory of one client process (default: ${DEFAULT-VALUE}).")
  String memory;

  @Option(
      names = "--max-vms",
      paramLabel = "N",
      defaultValue = "64",
      description = "Most VMs of one client process (default: ${DEFAULT-VALUE}).")
  int vms;

  @Option(
      names = "--max-processes",
      paramLabel = "N",
      defaultValue = "1024",
      description = "Most client processes (default: ${DEFAULT-VALUE}).")
  int processes;

  @Option(
      names = "--max-running",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Most client processes that execute guests at the same time; more take turns of 4 ms"
              + " (0: 4 a processor, and 8 at least).")
  int running;

  @Option(
      names = "--idle",
      paramLabel = "S",
      defaultValue = "0",
      description = "End client processes that say and run nothing for S seconds (0: never).")
  int idleSeconds;

  @Option(
      names = "--timeout",
      paramLabel = "S",
      defaultValue = "0",
      description = "End the service after S seconds (0: never).")
  long timeoutSeconds;

  private final CountDownLatch end = new CountDownLatch(1);

  ServeCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public Integer call() {
    atLeast(1, "--max-vms", vms);
    atLeast(1, "--max-processes", processes);
    atLeast(0, "--max-running", running);
    atLeast(0, "--idle", idleSeconds);
    atLeast(0, "--timeout", timeoutSeconds);
    List<Listener> listeners = listeners();
    LogLines.install();
    try (JsonLines json = common.openJson(invocation);
        InterruptGuard _ = new InterruptGuard(end::countDown);
        RunningService service = RunningService.start(options())) {
      if (json != null) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("command", "serve");
        config.put("listen", listen);
        config.put("host_kernel", hostKernel);
        json.manifest(Build.manifest(invocation, common.seed, config));
      }
      for (Listener listener : listeners) {
        say("listening at " + shown(listener, service.listen(listener)));
      }
      if (service.http() != null) {
        say("status at http://" + http(service.http()) + "/");
      }
      return await();
    } catch (IOException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
  }

  private static void atLeast(int least, String option, long value) {
    if (value < least) {
      throw CommandFailure.usage("%s %d: give %d or more".formatted(option, value, least));
    }
  }

  private int await() {
    try {
      if (timeoutSeconds == 0) {
        end.await();
      } else if (!end.await(timeoutSeconds, TimeUnit.SECONDS)) {
        return ExitCode.LIMIT;
      }
      return ExitCode.INTERRUPTED;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return ExitCode.INTERRUPTED;
    }
  }

  private static String shown(Listener listener, java.net.SocketAddress bound) {
    return listener instanceof Listener.Tcp && bound instanceof InetSocketAddress address
        ? TCP + http(address)
        : listener.toString();
  }

  private static String http(InetSocketAddress address) {
    String host = address.getAddress().getHostAddress();
    return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + address.getPort();
  }

  private void say(String line) {
    if (!common.quiet) {
      invocation.err().println(line);
      invocation.err().flush();
    }
  }

  private ServiceOptions options() {
    VmReports reports = VmReports.in(report, invocation, common.seed);
    Limits all = Limits.DEFAULT;
    long memoryBytes = memoryBytes();
    try {
      Limits limits =
          new Limits(
              all.frameBytes(),
              all.calls(),
              vms,
              Math.max(all.vcpus(), vms),
              memoryBytes,
              all.descriptors());
      ServerSettings usual = ServerSettings.DEFAULT;
      ServerSettings settings =
          new ServerSettings(
              limits,
              processes,
              running == 0 ? usual.running() : running,
              usual.sockets(),
              usual.hello(),
              Duration.ofSeconds(idleSeconds),
              usual.hang());
      return new ServiceOptions(
          isX86(), KernelProfile.parse(hostKernel), settings, httpAddress(), reports);
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
  }

  private long memoryBytes() {
    try {
      return MemorySize.parse(memory).bytes();
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage("--max-memory: " + e.getMessage(), e);
    }
  }

  private boolean isX86() {
    if (arch == null) {
      return System.getProperty("os.arch").equals("amd64");
    }
    GuestArchitecture wanted = GuestArchitecture.named(arch);
    if (wanted == null) {
      throw CommandFailure.usage("--arch " + arch + ": give x86_64 or arm64");
    }
    return wanted == GuestArchitecture.X86_64;
  }

  private InetSocketAddress httpAddress() {
    return http == null ? null : hostAndPort("--http", http);
  }

  private List<Listener> listeners() {
    List<Listener> all = new ArrayList<>();
    for (String one : listen) {
      if (one.startsWith(UNIX) && one.length() > UNIX.length()) {
        all.add(new Listener.Unix(Path.of(one.substring(UNIX.length()))));
      } else if (one.startsWith(TCP)) {
        all.add(tcp(one.substring(TCP.length())));
      } else {
        throw CommandFailure.usage("--listen " + one + ": give unix:PATH or tcp:HOST:PORT");
      }
    }
    return all;
  }

  private Listener tcp(String address) {
    if (certificate == null || key == null || token == null) {
      throw CommandFailure.usage(
          "--listen tcp: needs --tls-cert, --tls-key and --token-file: without TLS and a token"
              + " anybody could use the service");
    }
    InetSocketAddress at = hostAndPort("--listen", address);
    byte[] secret = firstLine(token).getBytes(StandardCharsets.UTF_8);
    try {
      return Listener.Tcp.of(at, certificate, key, secret);
    } catch (IOException e) {
      throw CommandFailure.usage("--listen tcp:" + address + ": " + e.getMessage(), e);
    }
  }

  private static String firstLine(Path file) {
    try {
      return Files.readString(file).lines().findFirst().orElse("").strip();
    } catch (NoSuchFileException e) {
      throw CommandFailure.usage("--token-file " + file + ": no such file", e);
    } catch (CharacterCodingException e) {
      throw CommandFailure.usage("--token-file " + file + ": this is no text in UTF-8", e);
    } catch (IOException e) {
      throw CommandFailure.usage("--token-file " + file + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static InetSocketAddress hostAndPort(String option, String text) {
    int colon = text.lastIndexOf(':');
    try {
      int port = Integer.parseInt(text.substring(colon + 1));
      String host = colon < 0 ? "" : text.substring(0, colon);
      if (host.isEmpty() || port < 0 || port > 65535) {
        throw new NumberFormatException();
      }
      InetSocketAddress address = new InetSocketAddress(host.replaceAll("[\\[\\]]", ""), port);
      if (address.isUnresolved()) {
        throw CommandFailure.usage(option + " " + text + ": there is no host " + host);
      }
      return address;
    } catch (NumberFormatException e) {
      throw CommandFailure.usage(
          option + " " + text + ": give HOST:PORT, such as 127.0.0.1:9090", e);
    }
  }
}
