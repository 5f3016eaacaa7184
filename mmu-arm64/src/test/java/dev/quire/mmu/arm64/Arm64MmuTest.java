package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Protection;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.oracle.ArrayMemory;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The MMU around its walkers: TLB, rights granted, register writes, AT, probes, allocation. */
class Arm64MmuTest {
  private static final long RAM = 0x4000_0000L;
  private static final int USER_READ = Access.READ | Access.USER;
  private static final int USER_WRITE = Access.WRITE | Access.USER;
  private static final int USER_FETCH = Access.FETCH | Access.USER;
  private static final int PAN_CLEAR = Access.USER_DATA_ALLOWED;
  private static final long TCR = 16 | 16 << 16 | 2L << 30 | 4L << 32;

  private final ArrayMemory memory = new ArrayMemory(RAM, 1 << 20);
  private final MmuCounters counters = new MmuCounters();
  private final List<String> flushes = new ArrayList<>();
  private Arm64Mmu mmu;
  private TableBuilder user;

  @BeforeEach
  void enable() {
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
    S2Walker stage2 = new S2Walker(memory, 44, counters);
    Stage2PteFormat format2 = new Stage2PteFormat(40, 1);
    TableBuilder.FrameSource frames = new TableBuilder.FrameSource(RAM);
    TableBuilder outer = new TableBuilder(memory, format2, frames);
    for (long gpa = 0x4000_0000L; gpa < 0xc000_0000L; gpa += 1L << 30) {
      outer.map(gpa, gpa, 2, Protection.ALL);
    }
    stage2.configure(VtcrEl2.of(40, 1, 4), outer.rootPa());
    mmu = new Arm64Mmu(memory, stage2, recorder, 44, counters);
    user = new TableBuilder(memory, new Stage1PteFormat(Granule.SIZE_4K, 48, true), frames);
    mmu.writeTcr(TCR);
    mmu.writeTtbr0(user.rootPa());
    mmu.writeSctlr(SctlrEl1.M);
    flushes.clear();
  }

  @Test
  void aDataAccessIsNeverGrantedExecutionNorAFetchWriting() {
    user.map(0x1000, 0x8000_0000L, 0, Protection.ALL);
    int data = Protection.READ | Protection.WRITE;
    for (int round = 0; round < 2; round++) {
      assertThat(Translation.rights(mmu.translate(0x1000, USER_READ))).isEqualTo(data);
      assertThat(Translation.rights(mmu.translate(0x1000, USER_WRITE))).isEqualTo(data);
      assertThat(Translation.rights(mmu.translate(0x1000, USER_FETCH)))
          .isEqualTo(Protection.READ | Protection.EXEC);
    }
  }

  @Test
  void anExecuteOnlyPageIsNotReadable() {
    user.map(0x1000, 0x8000_0000L, 0, Protection.EXEC);
    assertThat(Translation.rights(mmu.translate(0x1000, USER_FETCH))).isEqualTo(Protection.EXEC);
    assertThat(Translation.failed(mmu.translate(0x1000, USER_READ))).isTrue();
    assertThat(mmu.fault().syndrome()).isEqualTo(FaultStatus.PERMISSION | 3);
  }

  @Test
  void panAndPrivilegeAreThoseOfTheAccessNotOfTheEntry() {
    user.map(0x1000, 0x8000_0000L, 0, Protection.READ);
    assertThat(Translation.failed(mmu.translate(0x1000, USER_READ))).isFalse();
    assertThat(Translation.failed(mmu.translate(0x1000, Access.READ))).isTrue();
    assertThat(Translation.failed(mmu.translate(0x1000, Access.READ | PAN_CLEAR))).isFalse();
    assertThat(Translation.failed(mmu.translate(0x1000, Access.READ))).isTrue();
  }

  @Test
  void aHitWalksNothing() {
    user.map(0x1000, 0x8000_0000L, 0, Protection.ALL);
    mmu.translate(0x1000, USER_READ);
    long walks = counters.get(MmuEvent.WALK);
    mmu.translate(0x1ff8, USER_WRITE);
    mmu.translate(0x1004, USER_FETCH);
    assertThat(counters.get(MmuEvent.WALK)).isEqualTo(walks);
  }

  @Test
  void anEntryThatDeniesIsWalkedAgainAndReplacedWithOtherFillsFlushed() {
    user.map(0x1000, 0x8000_0000L, 0, Protection.READ);
    mmu.translate(0x1000, USER_READ);
    user.map(0x1000, 0x8000_1000L, 0, Protection.READ | Protection.WRITE);
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_0000L);
    assertThat(flushes).isEmpty();
    assertThat(Translation.pa(mmu.translate(0x1000, USER_WRITE))).isEqualTo(0x8000_1000L);
    assertThat(flushes).containsExactly("page 0x1000");
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_1000L);
  }

  @Test
  void anEntryOfABlockThatDeniesTakesAllFillsWithIt() {
    user.map(0x20_0000, 0x8000_0000L, 1, Protection.READ);
    mmu.translate(0x20_0000, USER_READ);
    user.map(0x20_0000, 0x8000_0000L, 1, Protection.READ | Protection.WRITE);
    assertThat(Translation.failed(mmu.translate(0x20_3000, USER_WRITE))).isFalse();
    assertThat(flushes).containsExactly("all");
  }

  @Test
  void addressSpacesAreSeparateAndSwitchingDropsFillsNotEntries() {
    user.map(0x1000, 0x8000_0000L, 0, Protection.ALL);
    mmu.writeTtbr0(user.rootPa() | 1L << 48);
    assertThat(flushes).containsExactly("all");
    mmu.translate(0x1000, USER_READ);
    user.map(0x1000, 0x8000_1000L, 0, Protection.ALL);
    mmu.writeTtbr0(user.rootPa() | 2L << 48);
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_1000L);
    mmu.writeTtbr0(user.rootPa() | 1L << 48);
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_0000L);
    flushes.clear();
    mmu.writeTtbr0(user.rootPa() | 1L << 48 | 1);
    assertThat(flushes).as("CnP and table changes do not switch the ASID").isEmpty();
  }

  @Test
  void a1TakesTheAsidFromTtbr1() {
    mmu.writeTcr(TCR | TcrEl1.A1);
    mmu.writeTtbr1(7L << 48);
    user.map(0x1000, 0x8000_0000L, 0, Protection.ALL);
    mmu.translate(0x1000, USER_READ);
    user.map(0x1000, 0x8000_1000L, 0, Protection.ALL);
    mmu.writeTtbr0(user.rootPa() | 9L << 48);
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_0000L);
    mmu.writeTtbr1(8L << 48);
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_1000L);
  }

  @Test
  void changesOfTcrAndSctlrDropEverythingAndRewritesNothing() {
    user.map(0x1000, 0x8000_0000L, 0, Protection.ALL);
    mmu.translate(0x1000, USER_READ);
    user.map(0x1000, 0x8000_1000L, 0, Protection.ALL);
    mmu.writeTcr(TCR);
    mmu.writeSctlr(SctlrEl1.M | 1 << 12);
    mmu.writeMair(0xff);
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_0000L);
    mmu.writeSctlr(SctlrEl1.M | SctlrEl1.WXN);
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_1000L);
    user.map(0x1000, 0x8000_2000L, 0, Protection.ALL);
    mmu.writeTcr(TCR | 1L << 37);
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_2000L);
    user.map(0x1000, 0x8000_3000L, 0, Protection.ALL);
    mmu.writeSctlr(SctlrEl1.M | SctlrEl1.WXN | SctlrEl1.EE);
    mmu.writeSctlr(SctlrEl1.M | SctlrEl1.WXN);
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_3000L);
    assertThat(flushes).containsExactly("all", "all", "all", "all");
  }

  @Test
  void tagsAreIgnoredOnlyWithTbiAndStayInTheFaultAddress() {
    long tagged = 0x5a00_0000_0000_1000L;
    assertThat(Translation.failed(mmu.translate(tagged, USER_READ))).isTrue();
    assertThat(mmu.fault().syndrome()).isEqualTo(FaultStatus.TRANSLATION);
    mmu.writeTcr(TCR | 1L << 37 | 1L << 51);
    user.entryPa(0x1000, 0);
    assertThat(Translation.failed(mmu.translate(tagged, USER_READ))).isTrue();
    assertThat(mmu.fault().syndrome()).isEqualTo(FaultStatus.TRANSLATION | 3);
    assertThat(mmu.fault().va()).isEqualTo(tagged);
    user.map(0x1000, 0x8000_0000L, 0, Protection.ALL);
    assertThat(Translation.pa(mmu.translate(tagged, USER_READ))).isEqualTo(0x8000_0000L);
    assertThat(Translation.failed(mmu.translate(tagged, USER_FETCH))).as("TBID0").isTrue();
  }

  @Test
  void replacingAnEntryUsedUnderATagTakesAllFillsAndTheTaggedOneIsRemembered() {
    long tagged = 0x5a00_0000_0000_1000L;
    mmu.writeTcr(TCR | 1L << 37);
    user.map(0x1000, 0x8000_0000L, 0, Protection.READ);
    mmu.translate(tagged, USER_READ);
    user.map(0x1000, 0x8000_0000L, 0, Protection.READ | Protection.WRITE);
    flushes.clear();
    mmu.translate(tagged, USER_WRITE);
    assertThat(flushes).containsExactly("all");
    mmu.tlbi(TlbiOp.VAE1, 1);
    assertThat(flushes).containsExactly("all", "all");
  }

  @Test
  void aProbeLeavesNoEntryNoCountAndFindsWhatTheTlbHolds() {
    user.map(0x1000, 0x8000_0000L, 0, Protection.ALL);
    MmuCounters.Snapshot before = counters.snapshot();
    assertThat(Translation.pa(mmu.probe(0x1000, USER_READ))).isEqualTo(0x8000_0000L);
    assertThat(Translation.failed(mmu.probe(0x2000, USER_READ))).isTrue();
    assertThat(counters.snapshot()).isEqualTo(before);
    user.map(0x1000, 0x8000_1000L, 0, Protection.ALL);
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_1000L);
    user.map(0x1000, 0x8000_2000L, 0, Protection.ALL);
    assertThat(Translation.pa(mmu.probe(0x1000, USER_READ))).isEqualTo(0x8000_1000L);
  }

  @Test
  void faultsAreCountedByWhoResolvesThem() {
    mmu.translate(0x1000, USER_READ);
    user.map(0x1000, 0x20_0000_0000L, 0, Protection.ALL);
    mmu.translate(0x1000, USER_READ);
    assertThat(counters.get(MmuEvent.GUEST_FAULT)).isEqualTo(1);
    assertThat(counters.get(MmuEvent.STAGE2_FAULT)).isEqualTo(1);
  }

  @Test
  void aChangeOfTheSecondStageDropsCombinedEntries() {
    user.map(0x1000, 0x8000_0000L, 0, Protection.ALL);
    mmu.translate(0x1000, USER_READ);
    user.map(0x1000, 0x8000_1000L, 0, Protection.ALL);
    mmu.invalidate(new TlbInvalidation.GuestPhysical(0x8000_0000L, 4096));
    assertThat(Translation.pa(mmu.translate(0x1000, USER_READ))).isEqualTo(0x8000_1000L);
    assertThat(flushes).containsExactly("all");
  }

  @Test
  void atReportsStage1InPar() {
    mmu.writeMair(0xff04);
    long entry = user.map(0x1000, 0x8000_0000L, 0, Protection.READ);
    memory.writeLong(entry, memory.readLong(entry) | 1L << VmsaDescriptor.ATTR_INDEX_SHIFT);
    assertThat(mmu.addressTranslate(AtOp.S1E0R, 0x1abc, false)).isEqualTo(0xff00_0000_8000_0b80L);
    assertThat(mmu.addressTranslate(AtOp.S1E1R, 0x1abc, true))
        .as("PAN only counts for ...P")
        .isEqualTo(0xff00_0000_8000_0b80L);
    assertThat(mmu.addressTranslate(AtOp.S1E1RP, 0x1abc, true)).isEqualTo(0x81fL);
    assertThat(mmu.addressTranslate(AtOp.S1E0W, 0x1abc, false)).isEqualTo(0x81fL);
    assertThat(mmu.addressTranslate(AtOp.S1E0R, 0x2000, false)).isEqualTo(0x80fL);
    assertThat(mmu.fault().kind()).isEqualTo(FaultRecord.NONE);
    assertThat(AtOp.decode(0, 7, 9, 1)).isEqualTo(AtOp.S1E1WP);
    assertThat(AtOp.decode(0, 7, 9, 2)).isNull();
  }

  @Test
  void atOfBothStagesPutsTheSecondStagesFaultInPar() {
    user.map(0x1000, 0x20_0000_0000L, 0, Protection.READ);
    assertThat(mmu.addressTranslate(AtOp.S1E1R, 0x1000, false) & ParEl1.F).isZero();
    assertThat(mmu.addressTranslate(AtOp.S12E1R, 0x1000, false)).isEqualTo(0xa0bL);
  }

  @Test
  void atOverATableThatTheSecondStageLacksIsNoAnswerButAFault() {
    long entry = user.entryPa(0x1000, 2);
    memory.writeLong(entry, 0x20_0000_0003L);
    assertThat(mmu.addressTranslate(AtOp.S1E1R, 0x1000, false)).isEqualTo(0x82dL);
    assertThat(mmu.fault().kind()).isEqualTo(FaultRecord.STAGE2);
    assertThat(mmu.fault().gpa()).isEqualTo(0x20_0000_0000L);
    assertThat(mmu.addressTranslate(AtOp.S12E1R, 0x1000, false)).isEqualTo(0xb0bL);
    assertThat(mmu.fault().kind()).isEqualTo(FaultRecord.NONE);
  }

  @Test
  void translatingAllocatesNothing() {
    for (int page = 1; page < 200; page++) {
      user.map(page << 12, 0x8000_0000L + (page << 12), 0, Protection.READ | Protection.WRITE);
    }
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long allocated = Long.MAX_VALUE;
    long failures = 0;
    for (int round = 0; round < 200; round++) {
      // Outside the measurement: an invalidation is a cold record, and the TLB may shrink for it.
      mmu.invalidate(new TlbInvalidation.Asid(0));
      translateAll();
      mmu.invalidate(new TlbInvalidation.Asid(0));
      long before = threads.getCurrentThreadAllocatedBytes();
      failures += translateAll();
      long after = threads.getCurrentThreadAllocatedBytes();
      // The JVM itself may allocate a little in this thread while it compiles: the cleanest round
      // decides, and an allocation of ours would be in every one.
      allocated = Math.min(allocated, after - before);
    }
    assertThat(failures).isEqualTo(200 * (199 + 3 * 20));
    assertThat(allocated).isZero();
  }

  private long translateAll() {
    long failures = 0;
    for (int page = 1; page < 220; page++) {
      long va = (long) page << 12;
      failures += Translation.failed(mmu.translate(va, USER_READ)) ? 1 : 0;
      failures += Translation.failed(mmu.translate(va, USER_WRITE)) ? 1 : 0;
      failures += Translation.failed(mmu.translate(va, USER_FETCH)) ? 1 : 0;
      mmu.probe(va, Access.READ);
    }
    return failures;
  }
}
