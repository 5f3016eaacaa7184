package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.oracle.ArrayMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Each TLBI form: map, use, remap, still the old page, TLBI, the new page; and what it must leave
 * alone is still the old page. Five pages, four of them in ASID 5:
 *
 * <pre>
 *            A (4K, nG)   B (4K, nG)   G (4K, global)   L (2M, nG)      T (TTBR1, global)
 *  ASID 5    0x1000       0x9000       0x5000           0x40_0000       0xffff...
 *  ASID 6    A6 = 0x1000, nG, another table
 * </pre>
 */
class TlbiTest {
  private static final long RAM = 0x4000_0000L;
  private static final long PAGE_A = 0x1000;
  private static final long PAGE_B = 0x9000;
  private static final long PAGE_G = 0x5000;
  private static final long BLOCK_L = 0x40_0000;
  private static final long PAGE_T = 0xffff_8000_0000_7000L;
  private static final long OLD = 0x8000_0000L;
  private static final long NEW = 0x9000_0000L;
  private static final long ASID_5 = 5L << 48;
  private static final long ASID_6 = 6L << 48;
  private static final long TCR_4K = 16 | 16 << 16 | 2L << 30 | 4L << 32;
  private static final long RANGE_TG_4K = 1L << 46;

  private final ArrayMemory memory = new ArrayMemory(RAM, 1 << 20);
  private final List<String> flushes = new ArrayList<>();
  private int stage2Order = 36;
  private Arm64Mmu mmu;
  private TableBuilder space5;
  private TableBuilder space6;
  private TableBuilder upper;

  @BeforeEach
  void mapAndUseEverything() {
    FillCache recorder =
        new FillCache() {
          @Override
          public void flushAll() {
            flushes.add("all");
          }

          @Override
          public void flushPage(long va) {
            flushes.add("page 0x%x".formatted(va));
          }
        };
    mmu = new Arm64Mmu(memory, flat(), recorder, 44, new MmuCounters());
    TableBuilder.FrameSource frames = new TableBuilder.FrameSource(RAM);
    Stage1PteFormat user = new Stage1PteFormat(Granule.SIZE_4K, 48, true);
    space5 = new TableBuilder(memory, user, frames);
    space6 = new TableBuilder(memory, user, frames);
    upper = new TableBuilder(memory, new Stage1PteFormat(Granule.SIZE_4K, 48, false), frames);
    mapAll(OLD);
    mmu.writeTcr(TCR_4K);
    mmu.writeTtbr1(upper.rootPa());
    mmu.writeSctlr(SctlrEl1.M);
    enter6();
    assertThat(at(PAGE_A)).isEqualTo(OLD);
    enter5();
    for (long va : new long[] {PAGE_A, PAGE_B, PAGE_G, BLOCK_L, BLOCK_L + 0x5000, PAGE_T}) {
      assertThat(at(va)).isEqualTo(OLD | va & (va >= BLOCK_L ? 0x5000 : 0));
    }
    mapAll(NEW);
    flushes.clear();
  }

  private void mapAll(long pa) {
    space5.map(PAGE_A, pa, 0, Protection.ALL);
    space5.map(PAGE_B, pa, 0, Protection.ALL);
    long global = space5.map(PAGE_G, pa, 0, Protection.ALL);
    memory.writeLong(global, memory.readLong(global) & ~VmsaDescriptor.NG);
    space5.map(BLOCK_L, pa, 1, Protection.ALL);
    space6.map(PAGE_A, pa, 0, Protection.ALL);
    upper.map(PAGE_T, pa, 0, Protection.ALL);
  }

  private void enter5() {
    mmu.writeTtbr0(space5.rootPa() | ASID_5);
  }

  private void enter6() {
    mmu.writeTtbr0(space6.rootPa() | ASID_6);
  }

  private long at(long va) {
    return Translation.pa(mmu.translate(va, Access.READ | Access.USER_DATA_ALLOWED));
  }

  /** Which translations are fresh, by name. */
  private String fresh() {
    StringBuilder names = new StringBuilder();
    enter5();
    names.append(at(PAGE_A) == NEW ? "A" : "");
    names.append(at(PAGE_B) == NEW ? "B" : "");
    names.append(at(PAGE_G) == NEW ? "G" : "");
    names.append(at(BLOCK_L) == NEW ? "L" : "");
    names.append(at(PAGE_T) == NEW ? "T" : "");
    enter6();
    names.append(at(PAGE_A) == NEW ? "6" : "");
    return names.toString();
  }

  private static String base(TlbiOp op) {
    return op.name().replaceAll("(IS|OS)$", "");
  }

  @Test
  void withoutTlbiEverythingStaysStale() {
    assertThat(fresh()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(TlbiOp.class)
  void byPageInTtbr0(TlbiOp op) {
    long range = RANGE_TG_4K | PAGE_A >> 12;
    mmu.tlbi(op, ASID_5 | (op.isRange() ? range : PAGE_A >> 12));
    String expected =
        switch (base(op)) {
          case "VMALLE1" -> "ABGLT6";
          case "ASIDE1" -> "ABL";
          case "VAE1", "VALE1", "RVAE1", "RVALE1" -> "A";
          default -> "A6";
        };
    assertThat(fresh()).isEqualTo(expected);
    assertThat(flushes).isNotEmpty();
  }

  @ParameterizedTest
  @EnumSource(TlbiOp.class)
  void byPageOfAnotherAsidSparesThisOne(TlbiOp op) {
    long range = RANGE_TG_4K | PAGE_A >> 12;
    mmu.tlbi(op, ASID_6 | (op.isRange() ? range : PAGE_A >> 12));
    String expected =
        switch (base(op)) {
          case "VMALLE1" -> "ABGLT6";
          case "ASIDE1", "VAE1", "VALE1", "RVAE1", "RVALE1" -> "6";
          default -> "A6";
        };
    assertThat(fresh()).isEqualTo(expected);
  }

  @ParameterizedTest
  @EnumSource(TlbiOp.class)
  void globalPagesFallToAnyAsidButNotToByAsid(TlbiOp op) {
    long range = RANGE_TG_4K | PAGE_G >> 12;
    mmu.tlbi(op, 7L << 48 | (op.isRange() ? range : PAGE_G >> 12));
    String expected =
        switch (base(op)) {
          case "VMALLE1" -> "ABGLT6";
          case "ASIDE1" -> "";
          default -> "G";
        };
    assertThat(flushes.isEmpty()).isEqualTo(expected.isEmpty());
    assertThat(fresh()).isEqualTo(expected);
  }

  @ParameterizedTest
  @EnumSource(TlbiOp.class)
  void anyAddressOfABlockDropsAllOfIt(TlbiOp op) {
    long inside = BLOCK_L + 0x12_3000;
    long range = RANGE_TG_4K | inside >> 12;
    mmu.tlbi(op, ASID_5 | (op.isRange() ? range : inside >> 12));
    String expected =
        switch (base(op)) {
          case "VMALLE1" -> "ABGLT6";
          case "ASIDE1" -> "ABL";
          default -> "L";
        };
    // A page flush would leave the rest of the block in the engine's cache.
    assertThat(flushes).containsExactly("all");
    assertThat(fresh()).isEqualTo(expected);
    enter5();
    assertThat(at(BLOCK_L + 0x5000)).isEqualTo(NEW + 0x5000);
  }

  /** A second stage of 4 KiB pages breaks the block up; TLBI names a piece that was never used. */
  @ParameterizedTest
  @EnumSource(TlbiOp.class)
  void anyAddressOfABlockDropsTheFragmentsOfItInUse(TlbiOp op) {
    stage2Order = 0;
    setUpAgain();
    long inside = BLOCK_L + 0x12_3000;
    long range = RANGE_TG_4K | inside >> 12;
    mmu.tlbi(op, ASID_5 | (op.isRange() ? range : inside >> 12));
    assertThat(flushes).containsExactly("all");
    enter5();
    assertThat(at(BLOCK_L)).isEqualTo(NEW);
    assertThat(at(BLOCK_L + 0x5000)).isEqualTo(NEW + 0x5000);
  }

  @ParameterizedTest
  @EnumSource(TlbiOp.class)
  void addressesOfTheUpperHalfAreSignExtended(TlbiOp op) {
    long by12 = PAGE_T >>> 12 & (1L << 44) - 1;
    long range = RANGE_TG_4K | PAGE_T >>> 12 & (1L << 37) - 1;
    mmu.tlbi(op, ASID_5 | (op.isRange() ? range : by12));
    assertThat(fresh().contains("T")).isEqualTo(!base(op).equals("ASIDE1"));
  }

  @Test
  void ttlIsAHint() {
    mmu.tlbi(TlbiOp.VAE1, ASID_5 | 0xfL << 44 | PAGE_A >> 12);
    assertThat(fresh()).isEqualTo("A");
  }

  @Test
  void aRangeEndsWhereNumAndScaleSay() {
    // (NUM + 1) * 2^(5 * SCALE + 1): 8 pages from 0x1000 end before 0x9000.
    mmu.tlbi(TlbiOp.RVAE1IS, ASID_5 | RANGE_TG_4K | 3L << 39 | PAGE_A >> 12);
    assertThat(fresh()).isEqualTo("AG");
    setUpAgain();
    mmu.tlbi(TlbiOp.RVAE1IS, ASID_5 | RANGE_TG_4K | 4L << 39 | PAGE_A >> 12);
    assertThat(fresh()).isEqualTo("ABG");
    setUpAgain();
    // SCALE 1: 1024 pages from 0 end where the block begins.
    mmu.tlbi(TlbiOp.RVAE1, ASID_5 | RANGE_TG_4K | 1L << 44 | 15L << 39);
    assertThat(fresh()).isEqualTo("ABG");
    setUpAgain();
    mmu.tlbi(TlbiOp.RVAE1, ASID_5 | RANGE_TG_4K | 1L << 44 | 16L << 39);
    assertThat(fresh()).isEqualTo("ABGL");
  }

  @Test
  void rangesOfOtherGranulesScaleTheirBase() {
    assertThat(TlbiOp.RVAE1.invalidation(2L << 46 | 3, TcrEl1.AS))
        .isEqualTo(new TlbInvalidation.Range(0xc000, 0x8000, 0, false));
    assertThat(TlbiOp.RVAALE1OS.invalidation(3L << 46 | 3L << 44 | 31L << 39 | 1L << 36, 0))
        .isEqualTo(new TlbInvalidation.Range(-1L << 52, 1L << 37, -1, true));
    assertThat(TlbiOp.RVAE1.invalidation(3, 0)).isNull();
  }

  @Test
  void aRangeWithAReservedGranuleDropsNothing() {
    mmu.tlbi(TlbiOp.RVAE1, ASID_5 | PAGE_A >> 12);
    assertThat(fresh()).isEmpty();
  }

  @Test
  void asidsAreEightBitsUnlessTcrSaysSixteen() {
    mmu.tlbi(TlbiOp.VAE1, 0x0305L << 48 | PAGE_A >> 12);
    assertThat(fresh()).isEqualTo("A");
  }

  @Test
  void onlyAPageOf4KInUseIsFlushedAsAPage() {
    mmu.tlbi(TlbiOp.VAE1, ASID_5 | PAGE_A >> 12);
    assertThat(flushes).containsExactly("page 0x1000");
    flushes.clear();
    mmu.tlbi(TlbiOp.VAE1, ASID_5 | PAGE_A >> 12);
    assertThat(flushes).as("nothing was left").isEmpty();
    mmu.tlbi(TlbiOp.VAE1, ASID_6 | PAGE_A >> 12);
    assertThat(flushes).as("another address space has no fills").isEmpty();
  }

  @Test
  void aTaggedFillForcesAFullFlush() {
    mmu.writeTcr(TCR_4K | 1L << 37);
    assertThat(at(0xab00_0000_0000_0000L | PAGE_B)).isEqualTo(NEW);
    flushes.clear();
    mmu.tlbi(TlbiOp.VAE1, ASID_5 | PAGE_B >> 12);
    assertThat(flushes).containsExactly("all");
  }

  @Test
  void encodingsAreTheManuals() {
    assertThat(TlbiOp.decode(0, 8, 7, 0)).isEqualTo(TlbiOp.VMALLE1);
    assertThat(TlbiOp.decode(0, 8, 3, 1)).isEqualTo(TlbiOp.VAE1IS);
    assertThat(TlbiOp.decode(0, 8, 1, 2)).isEqualTo(TlbiOp.ASIDE1OS);
    assertThat(TlbiOp.decode(0, 8, 6, 7)).isEqualTo(TlbiOp.RVAALE1);
    assertThat(TlbiOp.decode(0, 8, 2, 3)).isEqualTo(TlbiOp.RVAAE1IS);
    assertThat(TlbiOp.decode(0, 8, 5, 5)).isEqualTo(TlbiOp.RVALE1OS);
    assertThat(TlbiOp.decode(4, 8, 7, 4)).as("ALLE1 is EL2's").isNull();
    assertThat(TlbiOp.decode(0, 8, 7, 4)).isNull();
    assertThat(TlbiOp.decode(0, 7, 7, 0)).isNull();
    assertThat(TlbiOp.decode(0, 8, 16, 0)).isNull();
    assertThat(Arrays.stream(TlbiOp.values()).filter(TlbiOp::broadcast)).hasSize(20);
    assertThat(Arrays.stream(TlbiOp.values()).filter(TlbiOp::isRange)).hasSize(12);
  }

  private void setUpAgain() {
    flushes.clear();
    mapAll(OLD);
    mmu.invalidate(new TlbInvalidation.All());
    fresh();
    enter5();
    at(BLOCK_L + 0x5000);
    mapAll(NEW);
    flushes.clear();
  }

  private SecondStage flat() {
    return (gpa, access, fault) ->
        Translation.of(gpa >>> 12, Protection.ALL, stage2Order, stage2Order);
  }
}
