package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * The walkers, and the MMU with its TLB, against {@link OracleVmsa} on random tables, registers and
 * accesses. Tables do not change while a configuration is in use, so the TLB must never change an
 * answer.
 */
class Arm64MmuAgainstOracleTest {
  private static final int ADDRESSES = 8;
  private static final int CONFIGURATIONS_PER_FILL = 4000;
  private static final int FLAT_ORDER = 36;
  private static final int ACCESSES = 3 * 2 * 2;
  private static final int SCALE = Integer.getInteger("quire.test.scale", 1);

  private final Map<String, Integer> seen = new TreeMap<>();
  private final MmuCounters counters = new MmuCounters();
  private final ArrayMemory memory = new ArrayMemory(RandomVmsa.BASE, RandomVmsa.BYTES);

  @Test
  void everyStage1TranslationIsTheOraclesOne() {
    SplittableRandom random = new SplittableRandom(20260101);
    RandomVmsa source = new RandomVmsa(random);
    Arm64Mmu mmu = mmu(identity());
    int configurations = 10_000 * SCALE;
    for (int i = 0; i < configurations; i++) {
      boolean bigEndian = i / CONFIGURATIONS_PER_FILL % 5 == 4;
      if (i % CONFIGURATIONS_PER_FILL == 0) {
        source.fill(memory, 30, bigEndian);
      }
      OracleVmsa.Registers registers = source.registers(bigEndian);
      configure(mmu, registers);
      check(
          mmu,
          new OracleVmsa(memory, registers, OracleVmsa.Stage2Registers.NONE),
          registers.tcr(),
          source,
          random,
          false);
    }
    assertThat(total()).isGreaterThanOrEqualTo(900_000L * SCALE);
    for (int level = 0; level <= 3; level++) {
      assertThat(seen).containsKey("TRANSLATION" + level).containsKey("ADDRESS_SIZE" + level);
      assertThat(seen).containsKey("SYNC_EXTERNAL_ON_WALK" + level);
    }
    for (int level = 1; level <= 3; level++) {
      assertThat(seen).containsKey("ACCESS_FLAG" + level).containsKey("PERMISSION" + level);
    }
    assertThat((long) seen.get("NONE0")).isGreaterThan(total() / 8);
  }

  @Test
  void everyNestedTranslationIsTheOraclesOne() {
    SplittableRandom random = new SplittableRandom(20260102);
    RandomVmsa source = new RandomVmsa(random);
    S2Walker stage2 = new S2Walker(memory, RandomVmsa.PA_BITS, counters);
    Arm64Mmu mmu = mmu(stage2);
    int configurations = 5_000 * SCALE;
    for (int i = 0; i < configurations; i++) {
      if (i % CONFIGURATIONS_PER_FILL == 0) {
        source.fill(memory, 6, false);
      }
      OracleVmsa.Registers registers = source.registers(false);
      OracleVmsa.Stage2Registers registers2 = source.stage2Registers();
      stage2.configure(registers2.vtcr(), registers2.vttbr());
      configure(mmu, registers);
      OracleVmsa oracle = new OracleVmsa(memory, registers, registers2);
      check(mmu, oracle, registers.tcr(), source, random, true);
    }
    assertThat(total()).isGreaterThanOrEqualTo(400_000L * SCALE);
    for (int level = 0; level <= 2; level++) {
      assertThat(seen).containsKey("TRANSLATION" + level + " stage 2 of a table");
    }
    assertThat(seen)
        .containsKeys(
            "PERMISSION3 stage 2",
            "PERMISSION3 stage 2 of a table",
            "ACCESS_FLAG3 stage 2",
            "SYNC_EXTERNAL_ON_WALK0 stage 2 of a table",
            "ADDRESS_SIZE0 stage 2 of a table");
    assertThat((long) seen.get("NONE0")).isGreaterThan(total() / 20);
  }

  private void check(
      Arm64Mmu mmu,
      OracleVmsa oracle,
      long tcr,
      RandomVmsa source,
      SplittableRandom random,
      boolean nested) {
    for (int address = 0; address < ADDRESSES; address++) {
      long va = source.va(tcr);
      int first = random.nextInt(ACCESSES);
      for (int step = 0; step < ACCESSES; step++) {
        checkOne(mmu, oracle, va, (first + step * 5) % ACCESSES, nested);
      }
    }
  }

  private void checkOne(Arm64Mmu mmu, OracleVmsa oracle, long va, int which, boolean nested) {
    OracleVmsa.Type type = OracleVmsa.Type.values()[which % 3];
    boolean el0 = which / 3 % 2 == 1;
    boolean pan = which / 6 == 1;
    OracleVmsa.Answer expected = oracle.translate(new OracleVmsa.Request(va, type, el0, pan));
    int access = type.ordinal() | (el0 ? Access.USER : 0) | (pan ? 0 : Access.USER_DATA_ALLOWED);
    long walks = counters.get(MmuEvent.WALK);
    long stage1 = counters.get(MmuEvent.STAGE1_REFERENCE);
    long stage2 = counters.get(MmuEvent.STAGE2_REFERENCE);
    long probed = mmu.probe(va, access);
    boolean probeCounted = counters.get(MmuEvent.STAGE2_REFERENCE) != stage2;
    long answer = mmu.translate(va, access);
    Outcome got = outcome(mmu, answer, nested);
    Outcome wanted = outcome(expected, type, nested, oracle.disabled());
    if (!got.equals(wanted) || probed != answer || probeCounted) {
      fail(
          "va 0x%x %s el0=%b pan=%b:%n got    %s%n wanted %s%n probe  %x",
          va, type, el0, pan, got, wanted, probed);
    }
    if (counters.get(MmuEvent.WALK) != walks) {
      stage1 = counters.get(MmuEvent.STAGE1_REFERENCE) - stage1;
      stage2 = counters.get(MmuEvent.STAGE2_REFERENCE) - stage2;
      if (stage1 != expected.stage1References || stage2 != expected.stage2References) {
        fail("va 0x%x: %d and %d references", va, stage1, stage2);
      }
    }
    String where =
        expected.secondStage ? expected.s2fs1walk ? " stage 2 of a table" : " stage 2" : "";
    seen.merge(expected.fault.name() + expected.level + where, 1, Integer::sum);
  }

  /** What is compared: kind 0 is a success, else the fault's level, status and so on. */
  private record Outcome(
      int kind,
      long address,
      int rightsOrStatus,
      int orderOrLevel,
      int stage1Order,
      boolean ofTable) {}

  private static Outcome outcome(Arm64Mmu mmu, long answer, boolean nested) {
    if (Translation.failed(answer)) {
      FaultRecord fault = mmu.fault();
      boolean stage2 = nested && fault.kind() != FaultRecord.GUEST;
      boolean ofTable = stage2 && Access.isTableWalk(fault.access());
      int status = FaultStatus.code(fault.syndrome());
      long gpa = stage2 ? fault.gpa() : 0;
      return new Outcome(Translation.kind(answer), gpa, status, fault.level(), 0, ofTable);
    }
    return new Outcome(
        0,
        Translation.pa(answer),
        Translation.rights(answer),
        Translation.order(answer),
        Translation.stage1Order(answer),
        false);
  }

  private static Outcome outcome(
      OracleVmsa.Answer expected, OracleVmsa.Type type, boolean nested, boolean disabled) {
    if (expected.fault != OracleVmsa.Fault.NONE) {
      boolean external = expected.fault == OracleVmsa.Fault.SYNC_EXTERNAL_ON_WALK;
      int stage2Kind =
          expected.misconfigured ? FaultRecord.STAGE2_MISCONFIGURED : FaultRecord.STAGE2;
      int kind =
          external ? FaultRecord.EXTERNAL : expected.secondStage ? stage2Kind : FaultRecord.GUEST;
      // A stage-1 table that its second stage maps to nowhere is external without a stage-2 level.
      boolean ofTable = nested && (expected.s2fs1walk || external && !expected.secondStage);
      long gpa = nested ? expected.faultingIpa : 0;
      return new Outcome(kind, gpa, expected.statusCode(), expected.level, 0, ofTable);
    }
    boolean fetch = type == OracleVmsa.Type.FETCH;
    int rights =
        (expected.r ? Protection.READ : 0)
            | (expected.w && !fetch ? Protection.WRITE : 0)
            | (expected.x && fetch ? Protection.EXEC : 0);
    int largest = nested ? expected.stage2Bits : 12 + FLAT_ORDER;
    int order = Math.min(expected.stage1Bits, largest) - 12;
    // A disabled stage 1 has no page of its own: it takes the second stage's.
    int stage1Order = disabled ? order : expected.stage1Bits - 12;
    return new Outcome(0, expected.pa & -4096L, rights, order, stage1Order, false);
  }

  private void configure(Arm64Mmu mmu, OracleVmsa.Registers registers) {
    mmu.writeTtbr0(registers.ttbr0());
    mmu.writeTtbr1(registers.ttbr1());
    mmu.writeTcr(registers.tcr());
    mmu.writeSctlr(registers.sctlr());
    mmu.invalidate(new TlbInvalidation.All());
  }

  private Arm64Mmu mmu(SecondStage stage2) {
    return new Arm64Mmu(memory, stage2, FillCache.NONE, RandomVmsa.PA_BITS, counters);
  }

  /** A flat second stage without an end, so that a table outside memory is found by stage 1. */
  private static SecondStage identity() {
    return (gpa, access, fault) ->
        Translation.of(gpa >>> 12, Protection.ALL, FLAT_ORDER, FLAT_ORDER);
  }

  private long total() {
    return seen.values().stream().mapToLong(Integer::longValue).sum();
  }
}
