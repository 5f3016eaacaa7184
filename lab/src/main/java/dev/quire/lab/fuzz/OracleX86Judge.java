package dev.quire.lab.fuzz;

import dev.quire.mmu.x86.PagingMode;
import dev.quire.mmu.x86.oracle.X86Comparison;
import java.util.SplittableRandom;

/** Judges x86 by {@code OracleWalker} and {@code OracleEpt}: every mode, with and without EPT. */
final class OracleX86Judge implements MmuJudge {
  private static final int ADDRESSES = 1500;

  @Override
  public void round(long seed, FuzzTally tally) {
    SplittableRandom random = new SplittableRandom(seed);
    PagingMode[] modes = PagingMode.values();
    PagingMode mode = modes[random.nextInt(modes.length)];
    X86Comparison comparison =
        random.nextInt(3) == 0
            ? new X86Comparison()
            : new X86Comparison(random.nextInt(4, 6), random.nextBoolean(), random.nextBoolean());
    for (int address = 0; address < ADDRESSES; address++) {
      String difference = comparison.difference(random, mode);
      if (difference != null) {
        throw new FuzzMismatchException(difference);
      }
      for (String outcome : comparison.outcomes()) {
        tally.count("oracle", outcome);
      }
    }
  }

  @Override
  public void close() {}
}
