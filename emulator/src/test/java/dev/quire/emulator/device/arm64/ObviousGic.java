package dev.quire.emulator.device.arm64;

import java.util.ArrayList;
import java.util.List;

/**
 * The obvious GICv2: one object per interrupt and CPU, every question answered by a search over all
 * of them. Group 0 and 1, preemption, SGIs by source. Shares nothing with the real one.
 */
final class ObviousGic {
  /** One interrupt as one CPU sees it; shared interrupts are the same object for every CPU. */
  static final class Interrupt {
    final int id;
    boolean enabled;
    boolean group1;
    boolean edge;
    boolean line;
    boolean latch;
    boolean active;
    int priority;
    int targets;
    final boolean[] sources = new boolean[8];

    Interrupt(int id) {
      this.id = id;
    }

    boolean pending() {
      for (boolean source : sources) {
        if (source) {
          return true;
        }
      }
      return latch || !edge && line;
    }
  }

  /** An active priority at a CPU. */
  record Running(int groupPriority, boolean group1) {}

  final int cpus;
  final List<List<Interrupt>> interrupts = new ArrayList<>();
  final List<List<Running>> running = new ArrayList<>();
  final int[] mask;
  final int[] binaryPoint;
  final int[] cpuEnables;
  int distributorEnables;

  ObviousGic(int cpus, int count) {
    this.cpus = cpus;
    mask = new int[cpus];
    binaryPoint = new int[cpus];
    cpuEnables = new int[cpus];
    List<Interrupt> shared = new ArrayList<>();
    for (int id = 32; id < count; id++) {
      shared.add(new Interrupt(id));
    }
    for (int cpu = 0; cpu < cpus; cpu++) {
      List<Interrupt> mine = new ArrayList<>();
      for (int id = 0; id < 32; id++) {
        Interrupt one = new Interrupt(id);
        one.enabled = id < 16;
        one.edge = id < 16;
        mine.add(one);
      }
      mine.addAll(shared);
      interrupts.add(mine);
      running.add(new ArrayList<>());
    }
  }

  /** Group 0 uses bits 7..BPR+1; group 1 its own point, which the tests keep one above. */
  private int groupPriority(int cpu, int priority) {
    int keep = binaryPoint[cpu] + 1;
    return keep > 7 ? 0 : priority >> keep << keep;
  }

  Interrupt highestPending(int cpu) {
    Interrupt best = null;
    for (Interrupt each : interrupts.get(cpu)) {
      int bit = each.group1 ? 2 : 1;
      boolean group = (distributorEnables & bit) != 0 && (cpuEnables[cpu] & bit) != 0;
      boolean mine = each.id < 32 || (each.targets >> cpu & 1) != 0;
      if (group && mine && each.enabled && !each.active && each.pending()) {
        if (best == null || each.priority < best.priority) {
          best = each;
        }
      }
    }
    return best;
  }

  int runningPriority(int cpu) {
    int priority = 0x100;
    for (Running each : running.get(cpu)) {
      priority = Math.min(priority, each.groupPriority());
    }
    return priority;
  }

  Interrupt signalled(int cpu) {
    Interrupt best = highestPending(cpu);
    if (best == null || best.priority >= mask[cpu]) {
      return null;
    }
    return groupPriority(cpu, best.priority) < runningPriority(cpu) ? best : null;
  }

  /** What GICC_IAR reads with AckCtl set. */
  int acknowledge(int cpu) {
    Interrupt best = signalled(cpu);
    if (best == null) {
      return 1023;
    }
    best.active = true;
    Running entry = new Running(groupPriority(cpu, best.priority), best.group1);
    if (!running.get(cpu).contains(entry)) {
      running.get(cpu).add(entry);
    }
    best.latch = false;
    if (best.id < 16) {
      for (int source = 0; source < 8; source++) {
        if (best.sources[source]) {
          best.sources[source] = false;
          return best.id | source << 10;
        }
      }
    }
    return best.id;
  }

  void endOfInterrupt(int cpu, int id) {
    Interrupt one = interrupts.get(cpu).get(id);
    Running first = null;
    for (Running each : running.get(cpu)) {
      if (each.group1() == one.group1
          && (first == null || each.groupPriority() < first.groupPriority())) {
        first = each;
      }
    }
    running.get(cpu).remove(first);
    one.active = false;
  }
}
