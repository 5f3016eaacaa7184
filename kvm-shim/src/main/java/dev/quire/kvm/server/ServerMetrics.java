package dev.quire.kvm.server;

import dev.quire.kvm.host.HostFigures;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToDoubleFunction;

/** What the service counts of itself. Any thread. */
public final class ServerMetrics {
  private final MeterRegistry registry;
  private final LongAdder calls = new LongAdder();
  private final LongAdder exits = new LongAdder();
  private final LongAdder badFrames = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final LongAdder defects = new LongAdder();
  private final LongAdder hangs = new LongAdder();
  private volatile VmTotals vms;

  /**
   * @param registry where others read it
   */
  public ServerMetrics(MeterRegistry registry) {
    this.registry = registry;
    register("calls", "requests received", calls);
    register("exits", "KVM_RUNs that ended", exits);
    register("bad.frames", "frames that were none", badFrames);
    register("refused", "sockets refused at HELLO", refused);
    register("defects", "processes ended by a defect", defects);
    register("hangs", "processes given up because they hung", hangs);
  }

  private void register(String name, String description, LongAdder value) {
    FunctionCounter.builder("quire.kvm." + name, value, LongAdder::sum)
        .description(description)
        .register(registry);
  }

  /** The service is there: what it has now is shown too. */
  void watch(KvmServer server) {
    gauge("processes", "clients' processes", server, KvmServer::processCount);
    gauge("waiting", "processes waiting for others' guests", server, KvmServer::waitingCount);
    gauge("sockets", "open sockets", server, KvmServer::socketCount);
    vms = new VmTotals(server, registry);
  }

  private void gauge(
      String name, String description, KvmServer server, ToDoubleFunction<KvmServer> value) {
    Gauge.builder("quire.kvm." + name, server, value).description(description).register(registry);
  }

  /** A VM is no longer among its process's. */
  void vmEnded(HostFigures figures) {
    vms.ended(figures);
  }

  void call() {
    calls.increment();
  }

  void exit() {
    exits.increment();
  }

  void badFrame() {
    badFrames.increment();
  }

  void refused() {
    refused.increment();
  }

  void defect() {
    defects.increment();
  }

  void hang() {
    hangs.increment();
  }

  public long callCount() {
    return calls.sum();
  }

  public long exitCount() {
    return exits.sum();
  }

  public long badFrameCount() {
    return badFrames.sum();
  }

  public long hangCount() {
    return hangs.sum();
  }

  public long defectCount() {
    return defects.sum();
  }
}
