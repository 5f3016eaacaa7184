package dev.quire.emulator.device.arm64;

/**
 * The distributor's registers (Arm IHI 0069, "Distributor register map"): shared interrupts alone,
 * each routed to the PE of an affinity, or to any, which is the first here.
 */
final class Gicv3Distributor implements WordPairDevice {
  private static final int CTLR_GROUPS = 3;
  private static final int CTLR_ARE_DS = 1 << 4 | 1 << 6;
  private static final int IIDR = 0x0300_043b;
  private static final int PIDR2_GICV3 = 0x3b;
  private static final int TYPER_ID_BITS = 9 << 19;
  private static final int FIRST_ROUTER = 0x6000;
  private static final int ROUTER_BYTES = 8;
  private static final long ROUTER_ANY = 1L << 31;

  private final GicDistributor shared;
  private final GicState state;
  private final Gicv3Affinities affinities;
  private final Runnable changed;
  private final long[] routers;

  Gicv3Distributor(
      GicDistributor shared, GicState state, Gicv3Affinities affinities, Runnable changed) {
    this.shared = shared;
    this.state = state;
    this.affinities = affinities;
    this.changed = changed;
    routers = new long[state.interrupts];
    for (int intid = GicState.PRIVATE; intid < state.interrupts; intid++) {
      state.setTargets(intid, 1);
    }
  }

  @Override
  public int readWord(int offset) {
    if (offset >= FIRST_ROUTER && offset < FIRST_ROUTER + ROUTER_BYTES * state.interrupts) {
      int intid = offset - FIRST_ROUTER >>> 3;
      boolean high = (offset & 4) != 0;
      return intid < GicState.PRIVATE ? 0 : (int) (high ? routers[intid] >>> 32 : routers[intid]);
    }
    return switch (offset) {
      case 0x0000 -> shared.readWord(0, 0) & CTLR_GROUPS | CTLR_ARE_DS;
      case 0x0004 -> state.words() - 1 | TYPER_ID_BITS;
      case 0x0008 -> IIDR;
      case 0xffe8 -> PIDR2_GICV3;
      default -> isShared(offset) ? shared.readWord(0, offset) : 0;
    };
  }

  /** Registers whose first word is of private interrupts, which redistributors have. */
  private static boolean isShared(int offset) {
    if (offset >= 0x080 && offset < 0x400) {
      return (offset & 0x7f) != 0;
    }
    return offset >= 0x420 && offset < 0x800 || offset >= 0xc08 && offset < 0xd00;
  }

  @Override
  public void writeWord(int offset, int value, int mask) {
    if (offset >= FIRST_ROUTER && offset < FIRST_ROUTER + ROUTER_BYTES * state.interrupts) {
      writeRouter(offset, value, mask);
    } else if (offset == 0) {
      shared.writeWord(0, 0, value & CTLR_GROUPS, mask);
    } else if (isShared(offset)) {
      shared.writeWord(0, offset, value, mask);
    }
    changed.run();
  }

  private void writeRouter(int offset, int value, int mask) {
    int intid = offset - FIRST_ROUTER >>> 3;
    if (intid < GicState.PRIVATE) {
      return;
    }
    int shift = (offset & 4) * Byte.SIZE;
    long bits = (mask & 0xffff_ffffL) << shift;
    routers[intid] = routers[intid] & ~bits | (value & 0xffff_ffffL) << shift & bits;
    int cpu = (routers[intid] & ROUTER_ANY) != 0 ? 0 : affinities.find(routers[intid]);
    state.setTargets(intid, cpu < 0 ? 0 : 1 << cpu);
  }
}
