package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.arm64.oracle.OracleVmsa;
import dev.quire.mmu.arm64.oracle.RandomVmsa;
import dev.quire.mmu.arm64.oracle.VmsaComparison;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * The walkers, and the MMU with its TLB, against {@link OracleVmsa} on random tables, registers and
 * accesses.
 */
class Arm64MmuAgainstOracleTest {
  private static final int ADDRESSES = 8;
  private static final int CONFIGURATIONS_PER_FILL = 4000;
  private static final int ACCESSES = 3 * 2 * 2;
  private static final int SCALE = Integer.getInteger("quire.test.scale", 1);
  private static final int NARROW = 44;
  private static final int WIDE = 52;
  private static final OracleVmsa.Features FLAGS =
      new OracleVmsa.Features(true, false, false, false);
  private static final OracleVmsa.Features WIDTHS =
      new OracleVmsa.Features(false, true, true, true);
  private static final OracleVmsa.Features ALL = new OracleVmsa.Features(true, true, true, true);

  private final Map<String, Integer> seen = new TreeMap<>();

  @Test
  void everyStage1TranslationIsTheOraclesOne() {
    run(OracleVmsa.Features.NONE, NARROW, false, 10_000 * SCALE, 20260101);
    for (int level = 0; level <= 3; level++) {
      assertThat(seen).containsKeys("TRANSLATION " + level, "ADDRESS_SIZE " + level);
      assertThat(seen).containsKey("SYNC_EXTERNAL_ON_WALK " + level);
    }
    for (int level = 1; level <= 3; level++) {
      assertThat(seen).containsKeys("ACCESS_FLAG " + level, "PERMISSION " + level);
    }
    assertThat(pages()).isGreaterThan(total() / 8);
  }

  @Test
  void everyNestedTranslationIsTheOraclesOne() {
    run(OracleVmsa.Features.NONE, NARROW, true, 6_000 * SCALE, 20260102);
    for (int level = 0; level <= 2; level++) {
      assertThat(seen).containsKey("TRANSLATION " + level + " stage 2 of a table");
    }
    assertThat(seen)
        .containsKeys(
            "PERMISSION 3 stage 2",
            "PERMISSION 3 stage 2 of a table",
            "ACCESS_FLAG 3 stage 2",
            "SYNC_EXTERNAL_ON_WALK 0 stage 2 of a table",
            "ADDRESS_SIZE 0 stage 2 of a table");
    assertThat(pages()).isGreaterThan(total() / 20);
  }

  @Test
  void hardwareSetsTheFlagsThatTheOracleSets() {
    run(FLAGS, NARROW, false, 3_000 * SCALE, 20260103);
    run(FLAGS, NARROW, true, 3_000 * SCALE, 20260104);
    assertThat(seen)
        .containsKeys(
            "page of 12 bits, flags set",
            "page of 14 bits, flags set",
            "page of 16 bits, flags set",
            "ACCESS_FLAG 3 stage 2 of a table",
            "PERMISSION 3 stage 2 of a table");
  }

  @Test
  void wideAddressesAreTheOraclesOnes() {
    run(WIDTHS, WIDE, false, 3_000 * SCALE, 20260105);
    assertThat(seen)
        .containsKeys(
            "TRANSLATION -1",
            "SYNC_EXTERNAL_ON_WALK -1",
            "page of 39 bits",
            "page of 42 bits",
            "page of 36 bits");
    run(WIDTHS, WIDE, true, 3_000 * SCALE, 20260106);
    run(ALL, WIDE, true, 3_000 * SCALE, 20260107);
    assertThat(seen)
        .containsKeys(
            "TRANSLATION -1 stage 2 of a table",
            "PERMISSION 0 stage 2",
            "page of 12 bits, flags set");
  }

  private void run(
      OracleVmsa.Features features,
      int physicalBits,
      boolean nested,
      int configurations,
      long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    RandomVmsa source = new RandomVmsa(random, physicalBits, features);
    VmsaComparison comparison = new VmsaComparison(physicalBits, features, nested);
    for (int i = 0; i < configurations; i++) {
      boolean bigEndian = !nested && i / CONFIGURATIONS_PER_FILL % 5 == 4;
      if (i % CONFIGURATIONS_PER_FILL == 0) {
        assertThat(comparison.memoryDifference()).isNull();
        comparison.fill(source, nested ? 6 : 30, bigEndian);
      }
      OracleVmsa.Registers registers = source.registers(bigEndian);
      comparison.configure(
          registers, nested ? source.stage2Registers() : OracleVmsa.Stage2Registers.NONE);
      for (int address = 0; address < ADDRESSES; address++) {
        long va = source.va(registers.tcr());
        int first = random.nextInt(ACCESSES);
        for (int step = 0; step < ACCESSES; step++) {
          check(comparison, va, (first + step * 5) % ACCESSES, i);
        }
      }
    }
    assertThat(comparison.memoryDifference()).isNull();
  }

  private void check(VmsaComparison comparison, long va, int which, int configuration) {
    OracleVmsa.Type type = OracleVmsa.Type.values()[which % 3];
    boolean el0 = which / 3 % 2 == 1;
    String difference =
        comparison.difference(new OracleVmsa.Request(va, type, el0, which / 6 == 1));
    if (difference != null) {
      throw new AssertionError("configuration " + configuration + ": " + difference);
    }
    seen.merge(comparison.outcome(), 1, Integer::sum);
  }

  private int total() {
    return seen.values().stream().mapToInt(Integer::intValue).sum();
  }

  private int pages() {
    return seen.entrySet().stream()
        .filter(entry -> entry.getKey().startsWith("page"))
        .mapToInt(Map.Entry::getValue)
        .sum();
  }
}
