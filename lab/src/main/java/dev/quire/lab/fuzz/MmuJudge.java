package dev.quire.lab.fuzz;

/** Something that knows the right answer to a translation. One thread. */
interface MmuJudge extends AutoCloseable {
  /**
   * Makes tables and registers from a seed, translates many times and compares.
   *
   * @throws FuzzMismatchException at the first difference
   */
  void round(long seed, FuzzTally tally);

  @Override
  void close();
}
