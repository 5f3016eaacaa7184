package dev.quire.kvm.server;

import dev.quire.kvm.host.HostFigures;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToLongFunction;

/**
 * What all VMs of a service have now and have done since it started, those that ended included. Any
 * thread.
 */
final class VmTotals {
  private final KvmServer server;
  private final Total faults = new Total(HostFigures::hostFaults);
  private final Total tlbMisses = new Total(HostFigures::tlbMisses);

  VmTotals(KvmServer server, MeterRegistry registry) {
    this.server = server;
    gauge(registry, "vms", "VMs", figures -> 1);
    gauge(registry, "vcpus", "vCPUs", HostFigures::vcpus);
    gauge(registry, "memory.bytes", "guest memory shared", HostFigures::memoryBytes);
    counter(registry, "faults", "page faults of the VMs' modelled hosts", faults);
    counter(registry, "tlb.misses", "walks of the vCPUs' MMUs", tlbMisses);
  }

  private void gauge(
      MeterRegistry registry, String name, String description, ToLongFunction<HostFigures> value) {
    Gauge.builder("quire.kvm." + name, server, all -> sum(value))
        .description(description)
        .register(registry);
  }

  private void counter(MeterRegistry registry, String name, String description, Total total) {
    FunctionCounter.builder("quire.kvm." + name, total, Total::now)
        .description(description)
        .register(registry);
  }

  private long sum(ToLongFunction<HostFigures> value) {
    long sum = 0;
    for (ClientProcess process : server.processes()) {
      for (HostFigures figures : process.figures()) {
        sum += value.applyAsLong(figures);
      }
    }
    return sum;
  }

  /** A VM is no longer among its process's: what it did still counts. */
  void ended(HostFigures figures) {
    faults.ended(figures);
    tlbMisses.ended(figures);
  }

  /** A sum that never falls. */
  private final class Total {
    private final ToLongFunction<HostFigures> value;
    private final AtomicLong ofEnded = new AtomicLong();
    private final AtomicLong highest = new AtomicLong();

    Total(ToLongFunction<HostFigures> value) {
      this.value = value;
    }

    void ended(HostFigures figures) {
      ofEnded.addAndGet(value.applyAsLong(figures));
    }

    /** A VM between its end and {@link #ended} is in neither: the last answer holds until then. */
    double now() {
      long now = ofEnded.get() + sum(value);
      return highest.accumulateAndGet(now, Math::max);
    }
  }
}
