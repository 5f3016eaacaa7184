package dev.quire.emulator.device.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.TestTime;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A GICv2 under random use beside {@link ObviousGic}. */
class Gicv2RandomTest extends Gicv2Rig {
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
}
