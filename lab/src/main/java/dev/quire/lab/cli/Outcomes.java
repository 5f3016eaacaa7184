package dev.quire.lab.cli;

import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.measure.Measurement;
import dev.quire.kernel.kvm.Stage2Counters;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.report.RunOutcome;
import dev.quire.lab.report.RunOutcome.Counts;
import dev.quire.lab.tlb.MeasuredCounts;
import dev.quire.lab.tlb.TlbFigures;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Order;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Turns a machine's result into a report's. */
final class Outcomes {
  /** What the guest or the host can see; the rest describes fills, and so the engine. */
  private static final MmuEvent[] VISIBLE = {
    MmuEvent.ACCESSED_SET, MmuEvent.DIRTY_SET, MmuEvent.INVALIDATION
  };

  private static final MmuEvent[] OF_FILLS = {
    MmuEvent.WALK, MmuEvent.STAGE1_REFERENCE, MmuEvent.STAGE2_REFERENCE
  };

  private Outcomes() {}

  /**
   * A report's outcome.
   *
   * @param pages what backed the guest: figures of some are a what-if
   */
  static RunOutcome of(RunResult result, long wallNanos, HostPagePolicy pages) {
    List<Counts> vcpus = new ArrayList<>();
    for (RunResult.VcpuResult vcpu : result.vcpus()) {
      vcpus.add(counts(vcpu));
    }
    return new RunOutcome(
        result.status(),
        result.reason(),
        vcpus,
        total(vcpus),
        pagesTouched(result.stage2()),
        kernel(result),
        result.virtualNanos(),
        wallNanos,
        measured(result.measured(), pages.contpte()),
        null);
  }

  /** Of each geometry, every vCPU and then the total; empty for a functional run. */
  static List<MeasuredCounts> measured(RunResult.Measured measured, boolean hypothetical) {
    List<MeasuredCounts> counts = new ArrayList<>();
    int geometries = measured == null ? 0 : measured.vcpus().getFirst().tlbs().size();
    for (int geometry = 0; geometry < geometries; geometry++) {
      List<MeasuredCounts> vcpus = new ArrayList<>();
      for (Measurement.Counted counted : measured.vcpus()) {
        vcpus.add(
            new MeasuredCounts(
                vcpus.size(),
                measured.marked(),
                hypothetical,
                counted.guestFaults(),
                counted.stage2Faults(),
                counted.aliases(),
                new TlbFigures(
                    counted.tlbs().get(geometry),
                    counted.instructions(),
                    counted.reachBytes().get(geometry))));
      }
      counts.addAll(vcpus);
      counts.add(MeasuredCounts.total(vcpus));
    }
    return counts;
  }

  /** Page sizes are named as the host page policies are. */
  private static Map<String, Long> pagesTouched(Stage2Counters.Snapshot stage2) {
    Map<String, Long> pages = new LinkedHashMap<>();
    long[] leaves = stage2.leavesInstalled();
    for (int order = 0; order < leaves.length; order++) {
      if (leaves[order] != 0) {
        pages.put(sizeName(Order.bytes(order)), leaves[order]);
      }
    }
    return pages;
  }

  private static String sizeName(long bytes) {
    if (bytes >= 1L << 30) {
      return (bytes >> 30) + "g";
    }
    return bytes >= 1L << 20 ? (bytes >> 20) + "m" : (bytes >> 10) + "k";
  }

  private static Map<String, Long> kernel(RunResult result) {
    Stage2Counters.Snapshot stage2 = result.stage2();
    Map<String, Long> kernel = new LinkedHashMap<>();
    kernel.put("resident_pages", stage2.residentPages());
    kernel.put("stage2_table_pages", stage2.tablePages());
    kernel.put("stage2_leaves_removed", stage2.leavesRemoved());
    kernel.put("stage2_readonly_exits", stage2.readonlyExits());
    kernel.put("stage2_invalidations", stage2.invalidations());
    kernel.putAll(result.kernel());
    result.hostEvents().forEach((kind, times) -> kernel.put("host_events_" + kind, times));
    return kernel;
  }

  private static Counts counts(RunResult.VcpuResult vcpu) {
    Map<String, Long> exits = new LinkedHashMap<>();
    exits.put("io", vcpu.ioExits());
    exits.put("mmio", vcpu.mmioExits());
    exits.put("halt", vcpu.halts());
    Map<String, Long> engine = new LinkedHashMap<>(vcpu.engine());
    engine.putAll(named(vcpu.mmu(), OF_FILLS));
    return new Counts(
        vcpu.instructions(),
        vcpu.guestFaults(),
        vcpu.stage2Faults(),
        vcpu.interrupts(),
        vcpu.exceptions(),
        vcpu.pageFaults(),
        exits,
        named(vcpu.mmu(), VISIBLE),
        engine);
  }

  private static Map<String, Long> named(MmuCounters.Snapshot snapshot, MmuEvent... events) {
    Map<String, Long> named = new LinkedHashMap<>();
    for (MmuEvent event : events) {
      named.put(event.name().toLowerCase(Locale.ROOT), snapshot.get(event));
    }
    return named;
  }

  private static Counts total(List<Counts> vcpus) {
    long instructions = 0;
    long guestFaults = 0;
    long stage2Faults = 0;
    long interrupts = 0;
    Map<String, Long> exceptions = new TreeMap<>();
    Map<String, Long> pageFaults = new TreeMap<>();
    Map<String, Long> exits = new LinkedHashMap<>();
    Map<String, Long> mmu = new LinkedHashMap<>();
    Map<String, Long> engine = new LinkedHashMap<>();
    for (Counts vcpu : vcpus) {
      instructions += vcpu.instructions();
      guestFaults += vcpu.guestFaults();
      stage2Faults += vcpu.stage2Faults();
      interrupts += vcpu.interrupts();
      vcpu.exceptions().forEach((kind, count) -> exceptions.merge(kind, count, Long::sum));
      vcpu.pageFaults().forEach((kind, count) -> pageFaults.merge(kind, count, Long::sum));
      vcpu.exits().forEach((kind, count) -> exits.merge(kind, count, Long::sum));
      vcpu.mmu().forEach((kind, count) -> mmu.merge(kind, count, Long::sum));
      vcpu.engine().forEach((kind, count) -> engine.merge(kind, count, Long::sum));
    }
    return new Counts(
        instructions,
        guestFaults,
        stage2Faults,
        interrupts,
        exceptions,
        pageFaults,
        exits,
        mmu,
        engine);
  }
}
