package dev.quire.lab.reproduce;

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
