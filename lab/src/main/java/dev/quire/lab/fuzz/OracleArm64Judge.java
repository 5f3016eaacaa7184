package dev.quire.lab.fuzz;

import dev.quire.mmu.arm64.oracle.OracleVmsa;
import dev.quire.mmu.arm64.oracle.RandomVmsa;
import dev.quire.mmu.arm64.oracle.VmsaComparison;
import java.util.SplittableRandom;

/** Judges arm64 by {@link OracleVmsa}: every granule, one stage and two, every optional feature. */
final class OracleArm64Judge implements MmuJudge {
  private static final int CONFIGURATIONS = 600;
  private static final int ADDRESSES = 8;
  private static final int ACCESSES = 3 * 2 * 2;
  private static final int NARROW_BITS = 44;
  private static final int WIDE_BITS = 52;
  private static final int HOSTILE = 30;
  private static final int HOSTILE_NESTED = 6;

  @Override
  public void round(long seed, FuzzTally tally) {
    SplittableRandom random = new SplittableRandom(seed);
    boolean wide = random.nextBoolean();
    OracleVmsa.Features features = new OracleVmsa.Features(random.nextBoolean(), wide, wide, wide);
    boolean nested = random.nextInt(3) != 0;
    boolean bigEndian = !nested && random.nextInt(4) == 0;
    int physicalBits = wide ? WIDE_BITS : NARROW_BITS;
    RandomVmsa source = new RandomVmsa(random, physicalBits, features);
    VmsaComparison comparison = new VmsaComparison(physicalBits, features, nested);
    comparison.fill(source, nested ? HOSTILE_NESTED : HOSTILE, bigEndian);
    for (int i = 0; i < CONFIGURATIONS; i++) {
      OracleVmsa.Registers registers = source.registers(bigEndian);
      comparison.configure(
          registers, nested ? source.stage2Registers() : OracleVmsa.Stage2Registers.NONE);
      for (int address = 0; address < ADDRESSES; address++) {
        long va = source.va(registers.tcr());
        int first = random.nextInt(ACCESSES);
        for (int step = 0; step < ACCESSES; step++) {
          check(comparison, va, (first + step * 5) % ACCESSES, tally);
        }
      }
    }
    String difference = comparison.memoryDifference();
    if (difference != null) {
      throw new FuzzMismatchException(difference);
    }
  }

  private static void check(VmsaComparison comparison, long va, int which, FuzzTally tally) {
    OracleVmsa.Type type = OracleVmsa.Type.values()[which % 3];
    boolean el0 = which / 3 % 2 == 1;
    String difference =
        comparison.difference(new OracleVmsa.Request(va, type, el0, which / 6 == 1));
    if (difference != null) {
      throw new FuzzMismatchException(difference);
    }
    tally.count("oracle", comparison.outcome());
  }

  @Override
  public void close() {}
}
