package dev.quire.lab.contention;

/**
 * Processors in complexes that share an L3 cache, complexes in sockets, two hardware threads a
 * core. Threads are spread: thread i runs in complex i modulo their number, neighbours in different
 * sockets.
 */
public record Topology(int sockets, int complexesPerSocket, int coresPerComplex) {
  /** Two AMD EPYC 7B13: 64 cores each, 8 under one L3 cache. */
  public static final Topology EPYC_7B13 = new Topology(2, 8, 8);

  /** What a thread takes longer for everything while its core runs another: 1.25 times a core. */
  private static final double SHARED_CORE = 1.6;

  public Topology {
    if (sockets < 1 || complexesPerSocket < 1 || coresPerComplex < 1) {
      throw new IllegalArgumentException("a machine without processors");
    }
    if (sockets * complexesPerSocket > Long.SIZE) {
      throw new IllegalArgumentException("more than 64 complexes");
    }
  }

  int complexOf(int thread) {
    return thread % (sockets * complexesPerSocket);
  }

  /** What moving a line from one complex to another takes. */
  double transfer(PagingCosts costs, int from, int to) {
    if (from == to) {
      return costs.sameComplex();
    }
    return from % sockets == to % sockets ? costs.sameSocket() : costs.otherSocket();
  }

  /** How much slower a thread is with so many of them running. */
  double slowdown(int running) {
    return running > sockets * complexesPerSocket * coresPerComplex ? SHARED_CORE : 1;
  }
}
