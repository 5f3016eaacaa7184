package dev.quire.emulator.restore;

import dev.quire.kernel.stat.KernelCounters;

/** Prices of what a restore does, in nanoseconds of one machine. Immutable. */
public interface RestoreCosts {
  /** Costs nothing: for those who only count. */
  RestoreCosts NONE =
      new RestoreCosts() {
        @Override
        public String name() {
          return "none";
        }

        @Override
        public double nanos(KernelCounters counters) {
          return 0;
        }

        @Override
        public double nanos(HostWork work) {
          return 0;
        }
      };

  /** The cost model's name. */
  String name();

  /** Of everything a kernel counted until now; allocates nothing. */
  double nanos(KernelCounters counters);

  /** Of one piece of work outside the kernel. */
  double nanos(HostWork work);
}
