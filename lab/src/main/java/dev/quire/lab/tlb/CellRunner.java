package dev.quire.lab.tlb;

import dev.quire.mmu.tlb.TlbGeometry;
import java.util.List;

/** The port behind which a cell is a stream or a guest. One thread. */
public interface CellRunner {
  /**
   * Runs a cell once, with every geometry watching.
   *
   * @return figures in the order of the geometries; empty if it was interrupted
   */
  List<TlbFigures> run(TlbCell cell, List<TlbGeometry> geometries);

  /** Makes a run end soon. From any thread. */
  void interrupt();
}
