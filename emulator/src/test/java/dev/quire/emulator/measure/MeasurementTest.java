package dev.quire.emulator.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.mmu.tlb.CoalescingPolicy;
import dev.quire.mmu.tlb.NestedTlb;
import dev.quire.mmu.tlb.TlbArray;
import dev.quire.mmu.tlb.TlbCosts;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbIsa;
import dev.quire.mmu.tlb.TlbReplacement;
import dev.quire.mmu.tlb.TlbUse;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MeasurementTest {
  private static final TlbGeometry GEOMETRY =
      new TlbGeometry(
          "small",
          TlbIsa.ARM64,
          List.of(array("l1i", EnumSet.of(TlbUse.FETCH))),
          List.of(array("l1d", EnumSet.of(TlbUse.LOAD, TlbUse.STORE))),
          List.of(),
          false,
          List.of(),
          false,
          NestedTlb.NONE,
          1,
          new TlbCosts("linear", 1, 1, 1, 1, 1),
          CoalescingPolicy.NONE);

  private final Measurement measurement =
      new Measurement(new MeasureConfig(List.of(GEOMETRY), 1), 16);
  private long instructions;

  private static TlbArray array(String name, Set<TlbUse> uses) {
    return new TlbArray(name, 4, 4, List.of(0), uses, TlbReplacement.LRU, List.of());
  }

  private List<Measurement.Counted> now() {
    return List.of(
        new Measurement.Counted(instructions, instructions / 10, 0, 3, List.of(), List.of()));
  }

  private void marker(long at, String line) {
    instructions = at;
    measurement.marker(line, this::now);
  }

  private long region() {
    instructions = 1000;
    return measurement.region(this::now).getFirst().instructions();
  }

  @Test
  void withoutMarkersTheRegionIsTheWholeRun() {
    marker(100, "something else");
    marker(200, Measurement.END);
    assertThat(measurement.isMarked()).isFalse();
    assertThat(region()).isEqualTo(1000);
  }

  @Test
  void markersBoundTheRegion() {
    marker(100, Measurement.BEGIN);
    marker(350, Measurement.END);
    marker(400, Measurement.END);
    assertThat(measurement.isMarked()).isTrue();
    assertThat(region()).isEqualTo(250);
    assertThat(measurement.region(this::now).getFirst().guestFaults()).isEqualTo(25);
    assertThat(measurement.region(this::now).getFirst().aliases()).isZero();
  }

  @Test
  void aRegionWithoutAnEndGoesOnToTheRuns() {
    marker(100, Measurement.BEGIN);
    assertThat(region()).isEqualTo(900);
  }

  @Test
  void theLastRegionCounts() {
    marker(100, Measurement.BEGIN);
    marker(200, Measurement.END);
    marker(600, Measurement.BEGIN);
    marker(630, Measurement.END);
    assertThat(region()).isEqualTo(30);
  }

  @Test
  void mistakesAreTold() {
    assertThatThrownBy(() -> new MeasureConfig(List.of(), 1))
        .hasMessageContaining("0 TLB geometries: choose 1 to 64");
    assertThatThrownBy(() -> new MeasureConfig(List.of(GEOMETRY, GEOMETRY), 1))
        .hasMessageContaining("small is named twice");
  }
}
