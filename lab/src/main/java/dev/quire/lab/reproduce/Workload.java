package dev.quire.lab.reproduce;

import dev.quire.lab.cost.Amounts;
import java.util.List;

/** Something the modelled kernel is made to do. */
public interface Workload {
  /**
   * Runs one scenario from a fresh kernel.
   *
   * @param scenario parts of its name
   * @return what was done
   * @throws IllegalArgumentException if there is no such scenario
   */
  Amounts run(List<String> scenario);
}
