package dev.quire.lab.reproduce;

import dev.quire.lab.contention.PagingCosts;
import dev.quire.lab.contention.PagingMode;
import dev.quire.lab.contention.PagingSimulation;
import dev.quire.lab.contention.Topology;
import dev.quire.lab.cost.MachineCosts;

/** How a published figure follows from what scenarios of the model cost. */
public sealed interface Formula {
  /**
   * The time of one scenario.
   *
   * @param unitNanos nanoseconds of the published unit
   */
  record Time(String of, double unitNanos) implements Formula {}

  /** Two scenarios held against each other, in per cent. */
  record Change(String before, String after, Form form) implements Formula {}

  /**
   * Pages a second of vCPUs that page in at the same time.
   *
   * @param each of each vCPU, not of all together
   */
  record Rate(PagingMode mode, int vcpus, boolean each) implements Formula {
    private static final double THOUSAND = 1e3;

    /** How much the work of a page varies is the same wherever rows are answered or fitted. */
    private static final long SEED = 1;

    /** Thousands of pages a second. */
    double answer(MachineCosts costs) {
      double all =
          PagingSimulation.pagesPerSecond(
              Topology.EPYC_7B13, PagingCosts.of(costs), mode, vcpus, SEED);
      return all / THOUSAND / (each ? vcpus : 1);
    }
  }

  /** How often a scenario does something, without any price. */
  record Count(String of, String what) implements Formula {}

  /** No model of it; the reason. */
  record NotModelled(String reason) implements Formula {}

  /** What a percentage is of. */
  enum Form {
    /** After over before, less one: negative is faster. */
    CHANGE {
      @Override
      public double percent(double before, double after) {
        return 100 * (after / before - 1);
      }
    },
    /** The part of the time before that is saved: positive is faster. */
    SAVED {
      @Override
      public double percent(double before, double after) {
        return 100 * (1 - after / before);
      }
    },
    /** Before over after, less one, as throughput grows: positive is faster. */
    SPEEDUP {
      @Override
      public double percent(double before, double after) {
        return 100 * (before / after - 1);
      }
    };

    public abstract double percent(double before, double after);

    /** After over before that a percentage stands for. */
    double ratio(double percent) {
      return switch (this) {
        case CHANGE -> 1 + percent / 100;
        case SAVED -> 1 - percent / 100;
        case SPEEDUP -> 1 / (1 + percent / 100);
      };
    }
  }
}
