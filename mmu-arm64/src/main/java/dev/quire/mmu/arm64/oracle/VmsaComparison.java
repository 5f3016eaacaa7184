package dev.quire.mmu.arm64.oracle;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.Arm64Features;
import dev.quire.mmu.arm64.Arm64Mmu;
import dev.quire.mmu.arm64.FaultStatus;
import dev.quire.mmu.arm64.S2Walker;
import java.util.Arrays;

/**
 * An {@link Arm64Mmu} and {@link OracleVmsa} side by side, each on its own copy of memory. Compared
 * are address, rights, page sizes, fault with its level, status and IPA, references, probes, and
 * the flags set. One thread.
 *
 * <p>Without hardware updates tables do not change while a configuration is in use, so the TLB
 * stays and must never change an answer; with them any word may be a table of either stage, so it
 * is dropped before each access.
 */
public final class VmsaComparison {
  private static final int FLAT_ORDER = 40;
  private static final TlbInvalidation ALL = new TlbInvalidation.All();

  private final boolean nested;
  private final boolean updates;
  private final ArrayMemory ours = new ArrayMemory(RandomVmsa.BASE, RandomVmsa.BYTES);
  private final ArrayMemory theirs = new ArrayMemory(RandomVmsa.BASE, RandomVmsa.BYTES);
  private final MmuCounters counters = new MmuCounters();
  private final S2Walker stage2;
  private final Arm64Mmu mmu;
  private OracleVmsa oracle;
  private String outcome = "";

  public VmsaComparison(int physicalBits, OracleVmsa.Features with, boolean nested) {
    this.nested = nested;
    updates = with.hafdbs();
    Arm64Features features = new Arm64Features(with.hafdbs(), with.lva(), with.lpa(), with.lpa2());
    stage2 = new S2Walker(ours, physicalBits, counters, features);
    SecondStage second = nested ? stage2 : flat();
    mmu = new Arm64Mmu(ours, second, FillCache.NONE, physicalBits, counters, features);
  }

  /** A flat second stage without an end, so that a table outside memory is found by stage 1. */
  private static SecondStage flat() {
    return (gpa, access, fault) ->
        Translation.of(gpa >>> Order.BASE_PAGE_SHIFT, Protection.ALL, FLAT_ORDER, FLAT_ORDER);
  }

  /** Fills both memories alike. */
  public void fill(RandomVmsa source, int hostile, boolean bigEndian) {
    source.fill(ours, hostile, bigEndian);
    System.arraycopy(ours.words(), 0, theirs.words(), 0, ours.words().length);
  }

  /** Sets the registers of both. */
  public void configure(OracleVmsa.Registers registers, OracleVmsa.Stage2Registers registers2) {
    if (nested) {
      stage2.configure(registers2.vtcr(), registers2.vttbr());
    }
    mmu.writeTtbr0(registers.ttbr0());
    mmu.writeTtbr1(registers.ttbr1());
    mmu.writeTcr(registers.tcr());
    mmu.writeSctlr(registers.sctlr());
    mmu.invalidate(ALL);
    oracle = new OracleVmsa(theirs, registers, registers2);
  }

  /** What the last access compared ended in, for a coverage table. */
  public String outcome() {
    return outcome;
  }

  /** The first word in which the memories differ, or null. */
  public String memoryDifference() {
    int at = Arrays.mismatch(ours.words(), theirs.words());
    return at < 0
        ? null
        : "memory at 0x%x: walker 0x%x, oracle 0x%x"
            .formatted(RandomVmsa.BASE + at * 8L, ours.words()[at], theirs.words()[at]);
  }

  /** The first difference between both answers to an access, or null. */
  public String difference(OracleVmsa.Request request) {
    int access =
        request.type().ordinal()
            | (request.el0() ? Access.USER : 0)
            | (request.pan() ? 0 : Access.USER_DATA_ALLOWED);
    if (updates) {
      mmu.invalidate(ALL);
    }
    long walks = counters.get(MmuEvent.WALK);
    long stage1 = counters.get(MmuEvent.STAGE1_REFERENCE);
    long stage2References = counters.get(MmuEvent.STAGE2_REFERENCE);
    long flags = counters.get(MmuEvent.ACCESSED_SET) + counters.get(MmuEvent.DIRTY_SET);
    long probed = mmu.probe(request.va(), access);
    boolean probeCounted = counters.get(MmuEvent.STAGE2_REFERENCE) != stage2References;
    long answer = mmu.translate(request.va(), access);
    OracleVmsa.Answer expected = oracle.translate(request);
    outcome = label(expected);
    Outcome got = outcome(answer);
    Outcome wanted = outcome(expected, request.type());
    if (!got.equals(wanted)) {
      return "%s: walker %s, oracle %s".formatted(request, got, wanted);
    }
    // A probe sees the tables before this walk's updates, which may be tables of the other stage.
    if (probeCounted || !updates && probed != answer) {
      return "%s: the probe gave 0x%x, the access 0x%x".formatted(request, probed, answer);
    }
    if (counters.get(MmuEvent.WALK) == walks) {
      return null;
    }
    stage1 = counters.get(MmuEvent.STAGE1_REFERENCE) - stage1;
    stage2References = counters.get(MmuEvent.STAGE2_REFERENCE) - stage2References;
    flags = counters.get(MmuEvent.ACCESSED_SET) + counters.get(MmuEvent.DIRTY_SET) - flags;
    boolean sameCounts =
        stage1 == expected.stage1References()
            && stage2References == expected.stage2References()
            && flags == expected.flagsSet();
    return sameCounts
        ? null
        : "%s: walker %d + %d references and %d flags, oracle %d + %d and %d"
            .formatted(
                request,
                stage1,
                stage2References,
                flags,
                expected.stage1References(),
                expected.stage2References(),
                expected.flagsSet());
  }

  private static String label(OracleVmsa.Answer expected) {
    if (expected.fault() == OracleVmsa.Fault.NONE) {
      String page = "page of " + expected.stage1Bits() + " bits";
      return expected.flagsSet() > 0 ? page + ", flags set" : page;
    }
    String where =
        expected.secondStage() ? expected.s2fs1walk() ? " stage 2 of a table" : " stage 2" : "";
    return expected.fault() + " " + expected.level() + where;
  }

  /** What is compared: kind 0 is a success, else the fault's level, status and so on. */
  private record Outcome(
      int kind,
      long address,
      int rightsOrStatus,
      int orderOrLevel,
      int stage1Order,
      boolean ofTable) {
    @Override
    public String toString() {
      return kind == 0
          ? "pa 0x%x rights %d orders %d and %d"
              .formatted(address, rightsOrStatus, orderOrLevel, stage1Order)
          : "fault kind %d status 0x%x level %d ipa 0x%x, of a table: %b"
              .formatted(kind, rightsOrStatus, orderOrLevel, address, ofTable);
    }
  }

  private Outcome outcome(long answer) {
    if (Translation.failed(answer)) {
      FaultRecord fault = mmu.fault();
      boolean second = nested && fault.kind() != FaultRecord.GUEST;
      boolean ofTable = second && Access.isTableWalk(fault.access());
      int status = FaultStatus.code(fault.syndrome());
      long gpa = second ? fault.gpa() : 0;
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

  private Outcome outcome(OracleVmsa.Answer expected, OracleVmsa.Type type) {
    if (expected.fault() != OracleVmsa.Fault.NONE) {
      boolean external = expected.fault() == OracleVmsa.Fault.SYNC_EXTERNAL_ON_WALK;
      int stage2Kind =
          expected.misconfigured() ? FaultRecord.STAGE2_MISCONFIGURED : FaultRecord.STAGE2;
      int kind =
          external ? FaultRecord.EXTERNAL : expected.secondStage() ? stage2Kind : FaultRecord.GUEST;
      // A stage-1 table that its second stage maps to nowhere is external without a stage-2 level.
      boolean ofTable = nested && (expected.s2fs1walk() || external && !expected.secondStage());
      long gpa = nested ? expected.faultingIpa() : 0;
      return new Outcome(kind, gpa, expected.statusCode(), expected.level(), 0, ofTable);
    }
    boolean fetch = type == OracleVmsa.Type.FETCH;
    int rights =
        (expected.readable() ? Protection.READ : 0)
            | (expected.writable() && !fetch ? Protection.WRITE : 0)
            | (expected.executable() && fetch ? Protection.EXEC : 0);
    int order = Math.min(expected.stage1Bits(), expected.stage2Bits()) - Order.BASE_PAGE_SHIFT;
    // A disabled stage 1 has no page of its own: it takes the second stage's.
    int stage1Order = oracle.disabled() ? order : expected.stage1Bits() - Order.BASE_PAGE_SHIFT;
    return new Outcome(0, expected.pa() & -4096L, rights, order, stage1Order, false);
  }
}
