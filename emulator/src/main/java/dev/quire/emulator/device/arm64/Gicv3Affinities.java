package dev.quire.emulator.device.arm64;

import java.util.function.IntToLongFunction;

/** Which PE an affinity names: those of MPIDR_EL1, 8 bits a level. */
final class Gicv3Affinities {
  private static final int NONE = -1;
  private static final long MASK = 0xff_00ff_ffffL;

  private final int cpus;
  private final IntToLongFunction affinities;

  Gicv3Affinities(int cpus, IntToLongFunction affinities) {
    this.cpus = cpus;
    this.affinities = affinities;
  }

  int cpus() {
    return cpus;
  }

  /** As MPIDR_EL1 has it: Aff3 in bits 39:32, the others in 23:0. */
  long of(int cpu) {
    return affinities.applyAsLong(cpu) & MASK;
  }

  /** Aff3.Aff2.Aff1.Aff0 in one word, as GICR_TYPER has it. */
  int packed(int cpu) {
    long affinity = of(cpu);
    return (int) (affinity >>> 32 << 24 | affinity & 0xff_ffff);
  }

  /** The PE with an affinity, or -1. */
  int find(long affinity) {
    for (int cpu = 0; cpu < cpus; cpu++) {
      if (of(cpu) == (affinity & MASK)) {
        return cpu;
      }
    }
    return NONE;
  }
}
