package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.util.Arrays;

/**
 * What a GICv2 distributor knows of each interrupt, as 32-bit words of 32 interrupts: the shape of
 * its registers (Arm IHI 0048B). Word 0 (SGIs and PPIs) is banked per CPU, the others are shared.
 *
 * <p>An interrupt is pending when its latch is set or, level-sensitive, while its line is asserted
 * (IHI 0048B, figure "Logic of the pending status of a level-sensitive interrupt"). The latch of an
 * SGI is set exactly while some CPU's bit stands in its source mask.
 */
final class GicState {
  static final int SGIS = 16;
  static final int PRIVATE = 32;
  static final int MAX_CPUS = 8;

  /** The bit sets. LINE is the input level; LATCH is a pending state that does not follow it. */
  enum Bits {
    GROUP1,
    ENABLED,
    LATCH,
    LINE,
    ACTIVE,
    EDGE
  }

  private static final Bits[] ALL_BITS = Bits.values();

  final int cpus;
  final int interrupts;
  private final int words;

  /** [bits][slot]: slots 0..cpus-1 are the banked word 0, then the shared words 1... */
  private final int[][] bits;

  /** [slot * 32 + bit], slots as in {@link #bits}. */
  private final byte[] priorities;

  /** Target CPU mask by interrupt id; only shared interrupts have one. */
  private final byte[] targets;

  /** [cpu][word]: which shared interrupts of a word target a CPU; word 0 is all. */
  private final int[][] targetWords;

  /** [cpu * 16 + SGI]: CPUs whose request for that SGI is pending. */
  private final byte[] sgiSources;

  GicState(int cpus, int interrupts) {
    if (cpus < 1 || cpus > MAX_CPUS) {
      throw new IllegalArgumentException(cpus + " vCPUs: a GICv2 has 1 to " + MAX_CPUS);
    }
    if (interrupts < 64 || interrupts > 1020 || interrupts % 32 != 0) {
      throw new IllegalArgumentException(interrupts + " interrupts: not 64, 96, .. 992");
    }
    this.cpus = cpus;
    this.interrupts = interrupts;
    words = interrupts / 32;
    int slots = cpus + words - 1;
    bits = new int[ALL_BITS.length][slots];
    priorities = new byte[slots * 32];
    targets = new byte[interrupts];
    targetWords = new int[cpus][words];
    sgiSources = new byte[cpus * SGIS];
    for (int cpu = 0; cpu < cpus; cpu++) {
      targetWords[cpu][0] = -1;
      // SGIs are always enabled and edge-triggered here, as on a GIC-400.
      bits[Bits.ENABLED.ordinal()][cpu] = 0xffff;
      bits[Bits.EDGE.ordinal()][cpu] = 0xffff;
    }
    if (cpus == 1) {
      // "In a uniprocessor implementation all interrupts target the one processor."
      Arrays.fill(targetWords[0], -1);
    }
  }

  int words() {
    return words;
  }

  private int slot(int cpu, int word) {
    return word == 0 ? cpu : cpus + word - 1;
  }

  int word(Bits kind, int cpu, int word) {
    return bits[kind.ordinal()][slot(cpu, word)];
  }

  void setWord(Bits kind, int cpu, int word, int value) {
    bits[kind.ordinal()][slot(cpu, word)] = value;
  }

  boolean has(Bits kind, int cpu, int intid) {
    return (word(kind, cpu, intid >>> 5) >>> (intid & 31) & 1) != 0;
  }

  void put(Bits kind, int cpu, int intid, boolean value) {
    int bit = 1 << (intid & 31);
    int old = word(kind, cpu, intid >>> 5);
    setWord(kind, cpu, intid >>> 5, value ? old | bit : old & ~bit);
  }

  /** Pending interrupts of a word: latched, or level-sensitive with the line up. */
  int pending(int cpu, int word) {
    int line = word(Bits.LINE, cpu, word) & ~word(Bits.EDGE, cpu, word);
    return word(Bits.LATCH, cpu, word) | line;
  }

  /** Interrupts of a word the distributor may forward to a CPU, whatever their group. */
  int forwardable(int cpu, int word) {
    return pending(cpu, word)
        & word(Bits.ENABLED, cpu, word)
        & ~word(Bits.ACTIVE, cpu, word)
        & targetWords[cpu][word];
  }

  int priority(int cpu, int intid) {
    return priorities[slot(cpu, intid >>> 5) * 32 + (intid & 31)] & 0xff;
  }

  void setPriority(int cpu, int intid, int value) {
    priorities[slot(cpu, intid >>> 5) * 32 + (intid & 31)] = (byte) value;
  }

  int targets(int cpu, int intid) {
    if (cpus == 1) {
      return 0; // uniprocessor: the registers are RAZ/WI
    }
    return intid < PRIVATE ? 1 << cpu : targets[intid] & 0xff;
  }

  void setTargets(int intid, int cpuMask) {
    if (intid < PRIVATE || cpus == 1) {
      return;
    }
    targets[intid] = (byte) (cpuMask & (1 << cpus) - 1);
    int bit = 1 << (intid & 31);
    for (int cpu = 0; cpu < cpus; cpu++) {
      boolean target = (targets[intid] >>> cpu & 1) != 0;
      int old = targetWords[cpu][intid >>> 5];
      targetWords[cpu][intid >>> 5] = target ? old | bit : old & ~bit;
    }
  }

  int sgiSources(int cpu, int sgi) {
    return sgiSources[cpu * SGIS + sgi] & 0xff;
  }

  void setSgiSources(int cpu, int sgi, int cpuMask) {
    int mask = cpuMask & (1 << cpus) - 1;
    sgiSources[cpu * SGIS + sgi] = (byte) mask;
    put(Bits.LATCH, cpu, sgi, mask != 0);
  }

  /** An input changes; a rising edge of an edge-triggered interrupt is latched. */
  void setLine(int cpu, int intid, boolean asserted) {
    if (asserted && !has(Bits.LINE, cpu, intid) && has(Bits.EDGE, cpu, intid)) {
      put(Bits.LATCH, cpu, intid, true);
    }
    put(Bits.LINE, cpu, intid, asserted);
  }

  void save(StateWriter writer) {
    for (int[] kind : bits) {
      writer.putInts(kind);
    }
    writer.putBytes(priorities).putBytes(targets).putBytes(sgiSources);
  }

  void load(StateReader reader) {
    for (int[] kind : bits) {
      reader.getInts(kind);
    }
    reader.getBytes(priorities);
    byte[] loadedTargets = new byte[targets.length];
    reader.getBytes(loadedTargets);
    reader.getBytes(sgiSources);
    for (int intid = PRIVATE; intid < interrupts; intid++) {
      setTargets(intid, loadedTargets[intid]);
    }
    for (int cpu = 0; cpu < cpus; cpu++) {
      bits[Bits.ENABLED.ordinal()][cpu] |= 0xffff;
      bits[Bits.EDGE.ordinal()][cpu] |= 0xffff;
      for (int sgi = 0; sgi < SGIS; sgi++) {
        setSgiSources(cpu, sgi, sgiSources[cpu * SGIS + sgi]);
      }
    }
  }
}
