package dev.quire.emulator.device.arm64;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.MmioDevice;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.TestTime;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Gicv2Test {
  private static final int CTLR = 0x000;
  private static final int IGROUPR = 0x080;
  private static final int ISENABLER = 0x100;
  private static final int ICENABLER = 0x180;
  private static final int ISPENDR = 0x200;
  private static final int ICPENDR = 0x280;
  private static final int ISACTIVER = 0x300;
  private static final int ICACTIVER = 0x380;
  private static final int IPRIORITYR = 0x400;
  private static final int ITARGETSR = 0x800;
  private static final int ICFGR = 0xc00;
  private static final int SGIR = 0xf00;
  private static final int CPENDSGIR = 0xf10;
  private static final int SPENDSGIR = 0xf20;
  private static final int PMR = 0x04;
  private static final int BPR = 0x08;
  private static final int IAR = 0x0c;
  private static final int EOIR = 0x10;
  private static final int RPR = 0x14;
  private static final int HPPIR = 0x18;
  private static final int ABPR = 0x1c;
  private static final int AIAR = 0x20;
  private static final int AEOIR = 0x24;
  private static final int AHPPIR = 0x28;
  private static final int APR = 0xd0;
  private static final int DIR = 0x1000;

  private int cpu;
  private Gicv2 gic = build(4, 8);
  private MmioDevice distributor = gic.distributor();
  private MmioDevice cpuInterface = gic.cpuInterface();

  private Gicv2 build(int cpus, int priorityBits) {
    return new Gicv2(cpus, 288, priorityBits, () -> cpu, (c, irq, fiq) -> {});
  }

  private void use(Gicv2 other) {
    gic = other;
    distributor = gic.distributor();
    cpuInterface = gic.cpuInterface();
  }

  private void dist(int offset, long value) {
    distributor.write(offset, 4, value);
  }

  private int dist(int offset) {
    return (int) distributor.read(offset, 4);
  }

  private void distByte(int offset, int value) {
    distributor.write(offset, 1, value);
  }

  private void cpui(int offset, long value) {
    cpuInterface.write(offset, 4, value);
  }

  private int cpui(int offset) {
    return (int) cpuInterface.read(offset, 4);
  }

  /** As Linux sets it up: everything in group 0, priority 0xa0, mask 0xf0. */
  private void enableAll() {
    dist(CTLR, 3);
    for (cpu = 3; cpu >= 0; cpu--) {
      cpui(0, 3);
      cpui(PMR, 0xf0);
      dist(ISENABLER, 0xffff_0000L);
      if (cpu == 0) {
        break;
      }
    }
    for (int intid = 0; intid < 288; intid++) {
      distByte(IPRIORITYR + intid, 0xa0);
    }
  }

  private void enableShared(int intid, int target, int priority) {
    dist(ISENABLER + intid / 32 * 4, 1L << intid % 32);
    distByte(ITARGETSR + intid, target);
    distByte(IPRIORITYR + intid, priority);
  }

  @Test
  void identificationRegisters() {
    assertThat(dist(0x004)).isEqualTo(8 | 3 << 5);
    assertThat(dist(0xfe8)).isEqualTo(0x2b);
    assertThat(dist(0xffc)).isEqualTo(0xb1);
    assertThat(cpui(0xfc)).isEqualTo(0x0202_143b);
    assertThat(dist(ISENABLER)).isEqualTo(0xffff);
    assertThat(dist(ICFGR)).isEqualTo(0xaaaa_aaaa);
    assertThat(cpui(IAR)).isEqualTo(1023);
    assertThat(cpui(RPR)).isEqualTo(0xff);
  }

  @Test
  void sizesOutOfTheArchitectureAreRefused() {
    assertThatThrownBy(() -> build(9, 8)).hasMessageContaining("1 to 8");
    assertThatThrownBy(() -> build(1, 3)).hasMessageContaining("4 to 8");
    assertThatThrownBy(() -> new Gicv2(1, 100, 8, () -> 0, (c, i, f) -> {}))
        .hasMessageContaining("100 interrupts");
    assertThatThrownBy(() -> gic.shared(31)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> gic.privateInterrupt(4, 27))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aLevelSensitiveInterruptFollowsItsLine() {
    enableAll();
    enableShared(33, 1, 0xa0);
    InterruptLine line = gic.shared(33);
    line.set(true);
    assertThat(gic.irqAsserted(0)).isTrue();
    assertThat(gic.fiqAsserted(0)).isFalse();
    assertThat(dist(ISPENDR + 4)).isEqualTo(2);
    line.set(false);
    assertThat(gic.irqAsserted(0)).isFalse();
    line.set(true);
    assertThat(cpui(HPPIR)).isEqualTo(33);
    assertThat(cpui(IAR)).isEqualTo(33);
    assertThat(gic.irqAsserted(0)).isFalse();
    assertThat(dist(ISPENDR + 4)).isEqualTo(2); // active and pending
    assertThat(dist(ISACTIVER + 4)).isEqualTo(2);
    cpui(EOIR, 33);
    assertThat(gic.irqAsserted(0)).isTrue();
    cpui(IAR);
    line.set(false);
    cpui(EOIR, 33);
    assertThat(gic.irqAsserted(0)).isFalse();
    assertThat(cpui(IAR)).isEqualTo(1023);
  }

  @Test
  void anEdgeIsLatchedUntilAcknowledgedAndOnceMoreWhileActive() {
    enableAll();
    enableShared(40, 1, 0xa0);
    dist(ICFGR + 8, 2 << 16);
    InterruptLine line = gic.shared(40);
    line.pulse();
    assertThat(cpui(IAR)).isEqualTo(40);
    assertThat(dist(ISPENDR + 4)).isZero();
    line.pulse();
    line.pulse();
    assertThat(gic.irqAsserted(0)).isFalse();
    cpui(EOIR, 40);
    assertThat(cpui(IAR)).isEqualTo(40);
    cpui(EOIR, 40);
    assertThat(cpui(IAR)).isEqualTo(1023);
    line.set(true);
    line.pulse();
    dist(ICPENDR + 4, 1 << 8);
    assertThat(gic.irqAsserted(0)).isFalse();
  }

  @Test
  void aPendingBitSetBySoftwareStaysAfterTheLineFellAndEndsWithAcknowledge() {
    enableAll();
    enableShared(50, 1, 0xa0);
    dist(ISPENDR + 4, 1 << 18);
    assertThat(gic.irqAsserted(0)).isTrue();
    gic.shared(50).pulse();
    assertThat(gic.irqAsserted(0)).isTrue();
    cpui(IAR);
    cpui(EOIR, 50);
    assertThat(gic.irqAsserted(0)).isFalse();
    gic.shared(50).set(true);
    dist(ICPENDR + 4, 1 << 18);
    assertThat(gic.irqAsserted(0)).isTrue(); // the line still asks
  }

  @Test
  void privateInterruptsAreBanked() {
    enableAll();
    InterruptLine timer = gic.privateInterrupt(2, 27);
    timer.set(true);
    assertThat(gic.irqAsserted(0)).isFalse();
    assertThat(gic.irqAsserted(2)).isTrue();
    assertThat(dist(ISPENDR)).isZero();
    cpu = 2;
    assertThat(dist(ISPENDR)).isEqualTo(1 << 27);
    assertThat(cpui(IAR)).isEqualTo(27);
  }

  @Test
  void sharedInterruptsGoToTheirTargetsAndOneAcknowledges() {
    enableAll();
    enableShared(60, 0b0110, 0xa0);
    assertThat(dist(ITARGETSR + 60)).isEqualTo(0b0110);
    assertThat(dist(ITARGETSR)).isEqualTo(0x0101_0101);
    gic.shared(60).set(true);
    assertThat(gic.irqAsserted(1)).isTrue();
    assertThat(gic.irqAsserted(2)).isTrue();
    assertThat(gic.irqAsserted(3)).isFalse();
    cpu = 1;
    assertThat(dist(ITARGETSR)).isEqualTo(0x0202_0202);
    assertThat(cpui(IAR)).isEqualTo(60);
    assertThat(gic.irqAsserted(2)).isFalse();
    cpu = 2;
    assertThat(cpui(IAR)).isEqualTo(1023);
  }

  @Test
  void aUniprocessorHasNoTargets() {
    use(build(1, 8));
    dist(CTLR, 1);
    cpui(0, 1);
    cpui(PMR, 0xff);
    enableShared(60, 0, 0xa0);
    assertThat(dist(ITARGETSR)).isZero();
    assertThat(dist(ITARGETSR + 60)).isZero();
    gic.shared(60).set(true);
    assertThat(cpui(IAR)).isEqualTo(60);
  }

  @Test
  void sgisReachListOthersOrSelfAndKeepTheirSources() {
    enableAll();
    dist(SGIR, 0b1001 << 16 | 5);
    cpu = 1;
    dist(SGIR, 1 << 24 | 5);
    dist(SGIR, 2 << 24 | 6);
    dist(SGIR, 3 << 24 | 7);
    assertThat(gic.irqAsserted(1)).isTrue();
    assertThat(cpui(IAR)).isEqualTo(6 | 1 << 10);
    cpui(EOIR, 6 | 1 << 10);
    cpu = 0;
    assertThat(dist(SPENDSGIR + 4)).isEqualTo(0b11 << 8);
    assertThat(cpui(IAR)).isEqualTo(5);
    assertThat(cpui(IAR)).isEqualTo(1023); // same priority
    cpui(EOIR, 5);
    assertThat(cpui(HPPIR)).isEqualTo(5 | 1 << 10);
    assertThat(cpui(IAR)).isEqualTo(5 | 1 << 10);
    cpu = 2;
    assertThat(cpui(IAR)).isEqualTo(5 | 1 << 10);
    cpu = 3;
    distByte(CPENDSGIR + 5, 0b11);
    assertThat(gic.irqAsserted(3)).isFalse();
    distByte(SPENDSGIR + 9, 0b100);
    assertThat(cpui(IAR)).isEqualTo(9 | 2 << 10);
  }

  @Test
  void sgisStayEnabledAndTheirPendingBitsAreReadOnly() {
    enableAll();
    dist(ICENABLER, 0xffff_ffffL);
    assertThat(dist(ISENABLER)).isEqualTo(0xffff);
    dist(ISPENDR, 0xffff);
    assertThat(dist(ISPENDR)).isZero();
    dist(SGIR, 2 << 24 | 1);
    dist(ICPENDR, 0xffff);
    assertThat(dist(ISPENDR)).isEqualTo(2);
  }

  @Test
  void lowerValuesPreemptAndThePriorityDropsOnEnd() {
    enableAll();
    enableShared(40, 1, 0x80);
    enableShared(41, 1, 0x40);
    enableShared(42, 1, 0x40);
    gic.shared(40).set(true);
    assertThat(cpui(IAR)).isEqualTo(40);
    assertThat(cpui(RPR)).isEqualTo(0x80);
    gic.shared(42).set(true);
    gic.shared(41).set(true);
    assertThat(gic.irqAsserted(0)).isTrue();
    assertThat(cpui(IAR)).isEqualTo(41); // lowest id first
    assertThat(cpui(RPR)).isEqualTo(0x40);
    assertThat(gic.irqAsserted(0)).isFalse();
    gic.shared(41).set(false);
    cpui(EOIR, 41);
    assertThat(cpui(RPR)).isEqualTo(0x80);
    assertThat(cpui(IAR)).isEqualTo(42);
    cpui(EOIR, 42);
    cpui(EOIR, 40);
    assertThat(cpui(RPR)).isEqualTo(0xff);
  }

  @Test
  void theMaskIsStrictAndTheBinaryPointStopsPreemption() {
    enableAll();
    enableShared(40, 1, 0x50);
    gic.shared(40).set(true);
    cpui(PMR, 0x50);
    assertThat(gic.irqAsserted(0)).isFalse();
    assertThat(cpui(IAR)).isEqualTo(1023);
    assertThat(cpui(HPPIR)).isEqualTo(40);
    cpui(PMR, 0x51);
    assertThat(cpui(IAR)).isEqualTo(40);
    enableShared(41, 1, 0x48);
    cpui(BPR, 4); // group priority: bits 7..5
    cpui(EOIR, 40);
    assertThat(cpui(IAR)).isEqualTo(40);
    assertThat(cpui(RPR)).isEqualTo(0x40);
    gic.shared(41).set(true);
    assertThat(gic.irqAsserted(0)).isFalse(); // 0x48 and 0x50 share their group priority
    cpui(BPR, 2);
    assertThat(gic.irqAsserted(0)).isFalse(); // running is 0x40 since the acknowledge
    distByte(IPRIORITYR + 41, 0x38);
    assertThat(gic.irqAsserted(0)).isTrue();
  }

  @Test
  void fivePriorityBitsReadBackAsFive() {
    use(build(2, 5));
    distByte(IPRIORITYR + 40, 0xff);
    assertThat(dist(IPRIORITYR + 40)).isEqualTo(0xf8);
    cpui(PMR, 0xff);
    assertThat(cpui(PMR)).isEqualTo(0xf8);
    cpui(BPR, 0);
    assertThat(cpui(BPR)).isEqualTo(2);
    cpui(ABPR, 0);
    assertThat(cpui(ABPR)).isEqualTo(3);
    cpui(APR, -1L);
    cpui(APR + 4, -1L);
    assertThat(cpui(APR)).isEqualTo(-1);
    assertThat(cpui(APR + 4)).isZero();
  }

  @Test
  void groupZeroGoesToFiqWithFiqEnAndGroupOneToIrq() {
    enableAll();
    enableShared(40, 1, 0x80);
    enableShared(41, 1, 0x90);
    dist(IGROUPR + 4, 1 << 9);
    cpui(0, 3 | 8);
    gic.shared(41).set(true);
    assertThat(gic.irqAsserted(0)).isTrue();
    assertThat(gic.fiqAsserted(0)).isFalse();
    gic.shared(40).set(true);
    assertThat(gic.irqAsserted(0)).isFalse(); // only the highest is signalled
    assertThat(gic.fiqAsserted(0)).isTrue();
    assertThat(cpui(AIAR)).isEqualTo(1023);
    assertThat(cpui(AHPPIR)).isEqualTo(1023);
    assertThat(cpui(IAR)).isEqualTo(40);
    gic.shared(40).set(false);
    cpui(EOIR, 40);
    assertThat(cpui(IAR)).isEqualTo(1022);
    assertThat(cpui(HPPIR)).isEqualTo(1022);
    assertThat(cpui(AHPPIR)).isEqualTo(41);
    assertThat(cpui(AIAR)).isEqualTo(41);
    assertThat(cpui(0xe0 + 8)).isEqualTo(1 << 8); // NSAPR: level 0x90 / 2 = 72
    cpui(AEOIR, 41);
    assertThat(cpui(0xe0 + 8)).isZero();
    dist(CTLR, 1); // the distributor forwards only group 0
    assertThat(gic.irqAsserted(0)).isFalse();
  }

  @Test
  void aSplitEndDropsThePriorityFirstAndDeactivatesByDir() {
    enableAll();
    enableShared(40, 1, 0x80);
    enableShared(41, 1, 0x80);
    cpui(0, 1 << 9 | 1);
    gic.shared(40).set(true);
    assertThat(cpui(IAR)).isEqualTo(40);
    cpui(EOIR, 40);
    assertThat(dist(ISACTIVER + 4)).isEqualTo(1 << 8);
    assertThat(gic.irqAsserted(0)).isFalse();
    gic.shared(41).set(true);
    assertThat(cpui(IAR)).isEqualTo(41);
    cpui(DIR, 40);
    assertThat(dist(ISACTIVER + 4)).isEqualTo(1 << 9);
    cpui(0, 1);
    cpui(DIR, 41); // ignored without EOImode
    assertThat(dist(ISACTIVER + 4)).isEqualTo(1 << 9);
    dist(ICACTIVER + 4, 1 << 9);
    assertThat(dist(ISACTIVER + 4)).isZero();
  }

  @Test
  void narrowAndWideAccessesActOnTheirBytes() {
    distributor.write(IPRIORITYR + 40, 8, 0x8877_6655_4433_2211L);
    assertThat(distributor.read(IPRIORITYR + 43, 2)).isEqualTo(0x5544);
    assertThat(distributor.read(IPRIORITYR + 40, 8)).isEqualTo(0x8877_6655_4433_2211L);
    distributor.write(ISENABLER + 5, 1, 0x80);
    assertThat(dist(ISENABLER + 4)).isEqualTo(0x8000);
    distributor.write(ICENABLER + 5, 1, 0x80);
    assertThat(dist(ISENABLER + 4)).isZero();
    distributor.write(IGROUPR + 6, 2, 0xffff);
    assertThat(dist(IGROUPR + 4)).isEqualTo(0xffff_0000);
    distributor.write(ICFGR + 9, 1, 0xff);
    assertThat(dist(ICFGR + 8)).isEqualTo(0xaa00);
  }

  /** Every CPU's wires, acknowledges and running priority against the obvious model. */
  @Test
  void randomUseAgreesWithTheObviousGic() {
    for (int seed = 0; seed < TestTime.scaled(150); seed++) {
      new RandomUse(seed).run(400);
    }
  }

  private final class RandomUse {
    private final int seed;
    private final Random random;
    private final ObviousGic model = new ObviousGic(3, 64);

    RandomUse(int seed) {
      this.seed = seed;
      random = new Random(seed);
      use(new Gicv2(3, 64, 8, () -> cpu, (c, irq, fiq) -> {}));
      for (cpu = 0; cpu < 3; cpu++) {
        cpui(0, 7);
        model.cpuEnables[cpu] = 3;
        setBinaryPoint(cpu, 0);
      }
    }

    private void setBinaryPoint(int which, int value) {
      cpu = which;
      cpui(BPR, value);
      cpui(ABPR, value + 1);
      model.binaryPoint[which] = value;
    }

    private ObviousGic.Interrupt at(int intid) {
      return model.interrupts.get(cpu).get(intid);
    }

    void run(int steps) {
      for (int step = 0; step < steps; step++) {
        cpu = random.nextInt(3);
        act(random.nextInt(13), random.nextInt(64));
        check(step);
      }
    }

    private void act(int what, int intid) {
      boolean flag = random.nextBoolean();
      int bit = 1 << (intid & 31);
      int word = intid / 32 * 4;
      ObviousGic.Interrupt one = at(intid);
      switch (what) {
        case 0 -> {
          dist(flag ? ISENABLER + word : ICENABLER + word, bit & 0xffff_ffffL);
          one.enabled = flag || intid < 16;
        }
        case 1 -> {
          distByte(IPRIORITYR + intid, one.priority = random.nextInt(256));
        }
        case 2 -> {
          distByte(ITARGETSR + intid, random.nextInt(8));
          if (intid >= 32) {
            one.targets = dist(ITARGETSR + (intid & ~3)) >>> 8 * (intid & 3) & 7;
          }
        }
        case 3 -> setLine(intid, flag);
        case 4 -> {
          dist(flag ? ISPENDR + word : ICPENDR + word, bit & 0xffff_ffffL);
          one.latch = intid < 16 ? one.latch : flag;
        }
        case 5 -> configure(intid, flag);
        case 6 -> {
          int filter = random.nextInt(4);
          int list = random.nextInt(8);
          sendSgi(filter, list, intid & 15);
        }
        case 7 -> {
          model.mask[cpu] = random.nextInt(8) == 0 ? random.nextInt(256) : 0xff;
          cpui(PMR, model.mask[cpu]);
        }
        case 8 -> {
          model.distributorEnables = random.nextInt(6) == 0 ? random.nextInt(4) : 3;
          dist(CTLR, model.distributorEnables);
        }
        case 9 -> {
          // Changing the group of an active interrupt is unpredictable.
          if (!one.active) {
            one.group1 = flag;
            int old = dist(IGROUPR + word);
            dist(IGROUPR + word, (flag ? old | bit : old & ~bit) & 0xffff_ffffL);
          }
        }
        case 10 -> {
          assertThat(cpui(IAR)).as("seed %d", seed).isEqualTo(model.acknowledge(cpu));
        }
        case 11 -> setBinaryPoint(cpu, random.nextInt(7));
        default -> endOne();
      }
    }

    private void setLine(int intid, boolean level) {
      if (intid < 16) {
        return;
      }
      (intid < 32 ? gic.privateInterrupt(cpu, intid) : gic.shared(intid)).set(level);
      ObviousGic.Interrupt one = at(intid);
      one.latch |= level && !one.line && one.edge;
      one.line = level;
    }

    private void configure(int intid, boolean edge) {
      if (intid >= 16) {
        int shift = 2 * (intid & 15) + 1;
        int old = dist(ICFGR + intid / 16 * 4);
        int value = edge ? old | 1 << shift : old & ~(1 << shift);
        dist(ICFGR + intid / 16 * 4, value & 0xffff_ffffL);
        at(intid).edge = edge;
      }
    }

    private void sendSgi(int filter, int list, int sgi) {
      dist(SGIR, filter << 24 | list << 16 | sgi);
      for (int target = 0; target < 3; target++) {
        boolean hit =
            filter == 0 && (list >> target & 1) != 0
                || filter == 1 && target != cpu
                || filter == 2 && target == cpu;
        if (hit) {
          model.interrupts.get(target).get(sgi).sources[cpu] = true;
        }
      }
    }

    /** Ends an interrupt this CPU has active, if there is one. */
    private void endOne() {
      for (int intid = 0; intid < 64; intid++) {
        if (at(intid).active) {
          cpui(EOIR, intid);
          model.endOfInterrupt(cpu, intid);
          return;
        }
      }
    }

    private void check(int step) {
      int acting = cpu;
      for (cpu = 0; cpu < 3; cpu++) {
        String where = "seed %d step %d cpu %d".formatted(seed, step, cpu);
        ObviousGic.Interrupt pending = model.highestPending(cpu);
        assertThat(gic.irqAsserted(cpu)).as(where).isEqualTo(model.signalled(cpu) != null);
        assertThat(cpui(HPPIR) & 0x3ff).as(where).isEqualTo(pending == null ? 1023 : pending.id);
        assertThat(cpui(RPR)).as(where).isEqualTo(Math.min(model.runningPriority(cpu), 0xff));
      }
      cpu = acting;
    }
  }

  @Test
  void theWholeStateSurvivesSavingAndLoading() {
    enableAll();
    enableShared(40, 1, 0x80);
    enableShared(41, 3, 0x70);
    gic.shared(40).set(true);
    cpui(IAR);
    gic.shared(41).set(true);
    dist(SGIR, 1 << 24 | 5);
    StateWriter writer = new StateWriter();
    gic.save(writer);
    Gicv2 before = gic;
    use(build(4, 8));
    gic.load(new StateReader(writer.toByteArray()));
    for (int each = 0; each < 4; each++) {
      assertThat(gic.irqAsserted(each)).isEqualTo(before.irqAsserted(each)).isTrue();
    }
    assertThat(cpui(IAR)).isEqualTo(41);
    assertThat(cpui(RPR)).isEqualTo(0x70);
    cpui(EOIR, 41);
    assertThat(cpui(RPR)).isEqualTo(0x80);
    StateWriter again = new StateWriter();
    Gicv2 copy = build(4, 8);
    copy.load(new StateReader(writer.toByteArray()));
    copy.save(again);
    assertThat(again.toByteArray()).isEqualTo(writer.toByteArray());
  }
}
