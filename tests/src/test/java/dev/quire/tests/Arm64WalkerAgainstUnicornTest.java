package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.Arm64Mmu;
import dev.quire.mmu.arm64.AtOp;
import dev.quire.mmu.arm64.FaultStatus;
import dev.quire.mmu.arm64.ParEl1;
import dev.quire.mmu.arm64.S2Walker;
import dev.quire.mmu.arm64.VtcrEl2;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * The arm64 walkers against Unicorn's own MMU: address, permission and fault status of random
 * translations, by AT and PAR_EL1, and by its soft TLB for fetches, which AT cannot ask about.
 */
class Arm64WalkerAgainstUnicornTest {
  private static final int SCALE = Integer.getInteger("quire.test.scale", 1);
  private static final int ADDRESSES_PER_CONFIGURATION = 12;
  private static final long PAR_FAILURE = 0xfff;
  private static final int NON_CACHEABLE = 0x44;

  private static final AtOp[] STAGE1 = {
    AtOp.S1E1R, AtOp.S1E1W, AtOp.S1E0R, AtOp.S1E0W, AtOp.S1E1RP, AtOp.S1E1WP
  };
  private static final AtOp[] BOTH = {AtOp.S12E1R, AtOp.S12E1W, AtOp.S12E0R, AtOp.S12E0W};

  private final MmuCounters counters = new MmuCounters();
  private final Map<String, Integer> seen = new TreeMap<>();

  @Test
  void everyStage1TranslationAgrees() {
    SplittableRandom random = new SplittableRandom(64);
    try (Arm64Reference unicorn = new Arm64Reference()) {
      Arm64RandomTables tables = new Arm64RandomTables(unicorn, random, false);
      Arm64Mmu mmu = mmu(unicorn, flat());
      for (int i = 0; i < 4_200 * SCALE; i++) {
        long mair = configure(tables, unicorn, mmu, random);
        boolean pan = random.nextBoolean();
        unicorn.state(false, pan);
        for (int address = 0; address < ADDRESSES_PER_CONFIGURATION; address++) {
          long va = tables.newAddress();
          for (AtOp op : STAGE1) {
            compare(mmu, unicorn, op, va, pan, mair);
          }
        }
      }
    }
    assertThat(total()).isGreaterThanOrEqualTo(200_000L * SCALE);
    assertThat((long) seen.get("success")).isGreaterThan(total() / 5);
    // Translation at every level, access flag and permission wherever there are leaves, and the
    // address size of a disabled MMU.
    assertThat(seen)
        .containsKeys("0x4", "0x5", "0x6", "0x7", "0x9", "0xa", "0xb", "0xd", "0xe", "0xf", "0x0");
  }

  @Test
  void everyNestedTranslationAgrees() {
    SplittableRandom random = new SplittableRandom(65);
    try (Arm64Reference unicorn = new Arm64Reference()) {
      Arm64RandomTables tables = new Arm64RandomTables(unicorn, random, false);
      S2Walker stage2 = new S2Walker(unicorn, Arm64RandomTables.PA_BITS, counters);
      Arm64Mmu mmu = mmu(unicorn, stage2);
      unicorn.state(false, false);
      for (int i = 0; i < 4_200 * SCALE; i++) {
        if (i % 20 == 0) {
          newSecondStage(tables, unicorn, stage2, random, i);
        }
        configure(tables, unicorn, mmu, random);
        for (int address = 0; address < ADDRESSES_PER_CONFIGURATION; address++) {
          long va = tables.newAddress();
          for (AtOp op : BOTH) {
            compare(mmu, unicorn, op, va, false, -1);
          }
        }
      }
    }
    assertThat(total()).isGreaterThanOrEqualTo(200_000L * SCALE);
    assertThat((long) seen.get("success")).isGreaterThan(total() / 10);
    assertThat(seen)
        .containsKeys(
            "0x7 stage 2 of a table",
            "0xb stage 2 of a table",
            "0xf stage 2 of a table", //
            "0x4 stage 2 of a table",
            "0x7 stage 2",
            "0xf stage 2",
            "0xe stage 2");
  }

  @Test
  void everyFetchPermissionAgrees() {
    SplittableRandom random = new SplittableRandom(66);
    int compared = 0;
    int permitted = 0;
    try (Arm64Reference unicorn = new Arm64Reference()) {
      Arm64RandomTables tables = new Arm64RandomTables(unicorn, random, true);
      Arm64Mmu mmu = mmu(unicorn, flat());
      for (int i = 0; i < 1_500 * SCALE; i++) {
        configure(tables, unicorn, mmu, random);
        boolean el0 = random.nextBoolean();
        // With PAN Unicorn forgets that WXN looks at what EL1 could write without it.
        unicorn.state(el0, false);
        for (int address = 0; address < ADDRESSES_PER_CONFIGURATION; address++) {
          long va = tables.newAddress();
          mmu.invalidate(new TlbInvalidation.All());
          int access = Access.FETCH | Access.USER_DATA_ALLOWED | (el0 ? Access.USER : 0);
          long answer = mmu.translate(va, access);
          long pa = Translation.pa(answer) | va & 0xfff;
          if (!Translation.failed(answer) && !unicorn.contains(pa, 1)) {
            continue; // Unicorn gives no address where there is no memory.
          }
          long expected = unicorn.fetch(va);
          assertThat(Translation.failed(answer) ? -1 : pa)
              .as("fetch of 0x%x, el0 %b, %s", va, el0, mmu.fault())
              .isEqualTo(expected < 0 ? -1 : expected);
          compared++;
          permitted += expected < 0 ? 0 : 1;
        }
      }
    }
    assertThat(compared).isGreaterThan(12_000 * SCALE);
    assertThat(permitted).isGreaterThan(compared / 20);
  }

  private long configure(
      Arm64RandomTables tables, Arm64Reference unicorn, Arm64Mmu mmu, SplittableRandom random) {
    tables.newRegisters();
    long sctlr = tables.newSctlr();
    long mair = random.nextLong() & 0x00ff_44bb_00f4_4404L;
    unicorn.write(sctlr, tables.tcr(), tables.ttbr(0), tables.ttbr(1), mair);
    mmu.writeTtbr0(tables.ttbr(0));
    mmu.writeTtbr1(tables.ttbr(1));
    mmu.writeTcr(tables.tcr());
    mmu.writeMair(mair);
    mmu.writeSctlr(sctlr);
    return mair;
  }

  private static void newSecondStage(
      Arm64RandomTables tables,
      Arm64Reference unicorn,
      S2Walker stage2,
      SplittableRandom random,
      int turn) {
    int startLevel = random.nextInt(3);
    int least = Math.max(33, 13 + 9 * (3 - startLevel));
    int most = Math.min(Arm64RandomTables.PA_BITS, 24 + 9 * (3 - startLevel));
    int ipaBits = random.nextInt(least, most + 1);
    tables.newSecondStage(startLevel, ipaBits);
    long vtcr = VtcrEl2.of(ipaBits, startLevel, 5);
    if (turn % 320 == 300) {
      // Sizes and start levels that do not fit together.
      vtcr = VtcrEl2.of(startLevel == 2 ? 40 : 30 - 9 * startLevel, startLevel, 5);
    }
    long vmid = (long) random.nextInt(256) << 48;
    stage2.configure(vtcr, Arm64RandomTables.stage2Root() | vmid);
    unicorn.secondStage(vtcr, Arm64RandomTables.stage2Root() | vmid);
  }

  private void compare(
      Arm64Mmu mmu, Arm64Reference unicorn, AtOp op, long va, boolean pan, long mair) {
    long got = mmu.addressTranslate(op, va, pan);
    long wanted = unicorn.addressTranslate(op, va);
    boolean agree =
        (wanted & ParEl1.F) != 0 && (wanted & ParEl1.PTW) != 0
            ? sameTableFault(mmu.fault(), unicorn, got, wanted)
            : same(got, wanted, mair);
    if (mmu.fault().kind() != FaultRecord.NONE || !agree) {
      throw new AssertionError(
          "%s of 0x%x, PAN %b: PAR_EL1 0x%x, Unicorn's 0x%x (%s)"
              .formatted(op, va, pan, got, wanted, mmu.fault()));
    }
    seen.merge(describe(got), 1, Integer::sum);
  }

  /**
   * When a second stage refuses a stage-1 table, Unicorn overwrites the fault with a translation
   * fault of the stage-1 level (get_phys_addr_lpae, do_fault), where the manual wants the second
   * stage's own. So compare that level, and the second stage's fault with stage 1 switched off.
   */
  private static boolean sameTableFault(
      FaultRecord fault, Arm64Reference unicorn, long par, long reference) {
    int stage1Level = FaultStatus.walkingLevel(fault.syndrome());
    long alone = unicorn.secondStageOnly(fault.gpa());
    return ParEl1.faultStatus(reference) == (FaultStatus.TRANSLATION | stage1Level)
        && (par & (ParEl1.S | ParEl1.PTW)) == (reference & (ParEl1.S | ParEl1.PTW))
        && ParEl1.failed(par)
        && (alone & PAR_FAILURE) == (par & PAR_FAILURE & ~ParEl1.PTW);
  }

  /** Unicorn reports the descriptor's SH even for memory whose type decides it. */
  private static boolean same(long par, long reference, long mair) {
    if (ParEl1.failed(par) || ParEl1.failed(reference)) {
      return (par & PAR_FAILURE) == (reference & PAR_FAILURE);
    }
    if (ParEl1.pa(par) != ParEl1.pa(reference)) {
      return false;
    }
    if (mair == -1) {
      return true; // Attributes of both stages are combined there, which is not modelled.
    }
    int attributes = (int) (par >>> 56);
    boolean typeDecides = (attributes & 0xf0) == 0 || attributes == NON_CACHEABLE;
    long ignored = typeDecides ? 3L << 7 : 0;
    return (par & ~ignored) == (reference & ~ignored);
  }

  private static String describe(long par) {
    if (!ParEl1.failed(par)) {
      return "success";
    }
    String stage2 = (par & ParEl1.S) != 0 ? " stage 2" : "";
    String walk = (par & ParEl1.PTW) != 0 ? " of a table" : "";
    return "0x%x%s%s".formatted(ParEl1.faultStatus(par), stage2, walk);
  }

  private Arm64Mmu mmu(Arm64Reference memory, SecondStage stage2) {
    return new Arm64Mmu(memory, stage2, FillCache.NONE, Arm64RandomTables.PA_BITS, counters);
  }

  private static SecondStage flat() {
    return (gpa, access, fault) -> Translation.of(gpa >>> 12, Protection.ALL, 36, 36);
  }

  private long total() {
    return seen.values().stream().mapToLong(Integer::longValue).sum();
  }
}
