package dev.quire.lab.preset;

import dev.quire.mmu.tlb.TlbGeometry;
import java.util.List;

/**
 * A geometry and where each of its figures comes from.
 *
 * @param geometry the data
 * @param about in a line
 * @param fields in the order of the file
 */
public record Preset(TlbGeometry geometry, String about, List<PresetField> fields) {
  public Preset {
    fields = List.copyOf(fields);
  }

  public String name() {
    return geometry.name();
  }

  /** How many fields have this confidence. */
  public long count(Confidence confidence) {
    return fields.stream().filter(field -> field.confidence() == confidence).count();
  }
}
