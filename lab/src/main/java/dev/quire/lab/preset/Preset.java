package dev.quire.lab.preset;

import dev.quire.mmu.tlb.TlbGeometry;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

  /** How many fields are read, recalled and assumed, by that word. */
  public Map<String, Long> basis() {
    Map<String, Long> counts = new LinkedHashMap<>();
    for (Confidence confidence : Confidence.values()) {
      counts.put(confidence.text(), count(confidence));
    }
    return counts;
  }

  /** How many fields have this confidence. */
  public long count(Confidence confidence) {
    return fields.stream().filter(field -> field.confidence() == confidence).count();
  }
}
