package dev.quire.emulator.measure;

import dev.quire.mmu.tlb.TlbGeometry;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What a measured run models.
 *
 * @param geometries each is modelled for every vCPU, over the same accesses
 * @param seed of random replacement
 * @param ringRecords accesses kept until they are modelled; results do not depend on it
 */
public record MeasureConfig(List<TlbGeometry> geometries, long seed, int ringRecords) {
  /** 32 KiB of records: they stay in the host's L1. */
  public static final int RING_RECORDS = 2048;

  private static final int MOST_GEOMETRIES = 64;

  /** As above with a ring of the usual size. */
  public MeasureConfig(List<TlbGeometry> geometries, long seed) {
    this(geometries, seed, RING_RECORDS);
  }

  /**
   * @throws IllegalArgumentException with a message for the user
   */
  public MeasureConfig {
    geometries = List.copyOf(geometries);
    if (geometries.isEmpty() || geometries.size() > MOST_GEOMETRIES) {
      throw new IllegalArgumentException(
          "%d TLB geometries: choose 1 to %d".formatted(geometries.size(), MOST_GEOMETRIES));
    }
    Set<String> names = new HashSet<>();
    for (TlbGeometry geometry : geometries) {
      if (!names.add(geometry.name())) {
        throw new IllegalArgumentException(
            "the TLB geometry " + geometry.name() + " is named twice");
      }
    }
  }
}
