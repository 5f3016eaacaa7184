package dev.quire.emulator.device.arm64;

/**
 * One PE's redistributor (Arm IHI 0069, "Redistributor register map"): a frame that tells what it
 * is, and one with the private interrupts' registers. Without LPIs.
 */
final class Gicv3Redistributor implements WordPairDevice {
  private static final int SGI_BASE = 0x1_0000;
  private static final int IIDR = 0x0300_043b;
  private static final int PIDR2_GICV3 = 0x3b;
  private static final int TYPER_LAST = 1 << 4;
  private static final int WAKER_PROCESSOR_SLEEP = 1 << 1;
  private static final int WAKER_CHILDREN_ASLEEP = 1 << 2;

  private final GicDistributor shared;
  private final int cpu;
  private final int cpus;
  private final Gicv3Affinities affinities;
  private final Runnable changed;
  private boolean asleep = true;

  Gicv3Redistributor(
      GicDistributor shared, int cpu, int cpus, Gicv3Affinities affinities, Runnable changed) {
    this.shared = shared;
    this.cpu = cpu;
    this.cpus = cpus;
    this.affinities = affinities;
    this.changed = changed;
  }

  @Override
  public int readWord(int offset) {
    if (offset >= SGI_BASE) {
      int register = offset - SGI_BASE;
      return isPrivate(register) ? shared.readWord(cpu, register) : 0;
    }
    return switch (offset) {
      case 0x0004 -> IIDR;
      case 0x0008 -> cpu << 8 | (cpu == cpus - 1 ? TYPER_LAST : 0);
      case 0x000c -> affinities.packed(cpu);
      case 0x0014 -> asleep ? WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP : 0;
      case 0xffe8 -> PIDR2_GICV3;
      default -> 0;
    };
  }

  private static boolean isPrivate(int register) {
    if (register >= 0x080 && register < 0x400) {
      return (register & 0x7f) == 0;
    }
    return register >= 0x400 && register < 0x420 || register >= 0xc00 && register < 0xc08;
  }

  @Override
  public void writeWord(int offset, int value, int mask) {
    if (offset == 0x0014) {
      asleep = (value & WAKER_PROCESSOR_SLEEP) != 0;
    } else if (offset >= SGI_BASE && isPrivate(offset - SGI_BASE)) {
      shared.writeWord(cpu, offset - SGI_BASE, value, mask);
      changed.run();
    }
  }
}
