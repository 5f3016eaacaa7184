package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.oracle.ArrayMemory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Walks over tables built by hand: leaf sizes, reference counts, and who failed at what level. */
class WalkTest {
  private static final long RAM = 0x4000_0000L;
  private static final int RAM_BYTES = 4 << 20;
  private static final int PA_BITS = 44;
  private static final long IPS_44 = 4L << 32;

  private final ArrayMemory memory = new ArrayMemory(RAM, RAM_BYTES);
  private final MmuCounters counters = new MmuCounters();
  private final TableBuilder.FrameSource frames = new TableBuilder.FrameSource(RAM);
  private Arm64Mmu mmu;
  private S2Walker stage2;

  @BeforeEach
  void noSecondStage() {
    mmu = new Arm64Mmu(memory, flat(), FillCache.NONE, PA_BITS, counters);
  }

  /** {@code level} is the Arm ARM's; {@code references} what a walk from a 48-bit root needs. */
  @ParameterizedTest
  @CsvSource({
    "12, 3, 0, 4",
    "12, 2, 9, 3",
    "12, 1, 18, 2",
    "14, 3, 2, 4",
    "14, 2, 13, 3",
    "16, 3, 4, 3",
    "16, 2, 17, 2"
  })
  void everyLeafSizeOfEveryGranuleTranslatesInBothHalves(
      int log2Granule, int level, int order, int references) {
    Granule granule = granule(log2Granule);
    for (int half = 0; half < 2; half++) {
      Stage1PteFormat format = new Stage1PteFormat(granule, 48, true);
      TableBuilder tables = new TableBuilder(memory, format, frames);
      long va = (half == 0 ? 0x0000_1234_0000_0000L : 0xffff_8234_0000_0000L);
      long pa = 0x8_0000_0000L;
      tables.map(va, pa, 3 - level, Protection.ALL);
      long tg0 = new long[] {0, 2, 1}[(log2Granule - 12) / 2] << 14;
      long tg1 = new long[] {2, 1, 3}[(log2Granule - 12) / 2] << 30;
      mmu.writeTcr(16 | 16 << 16 | tg0 | tg1 | IPS_44);
      mmu.writeSctlr(SctlrEl1.M);
      if (half == 0) {
        mmu.writeTtbr0(tables.rootPa());
      } else {
        mmu.writeTtbr1(tables.rootPa());
      }
      long offset = (1L << 12 + order) - 4096 + 0x123;
      long before = counters.get(MmuEvent.STAGE1_REFERENCE);
      long answer = mmu.translate(va + offset, Access.READ | Access.USER);
      assertThat(Translation.failed(answer)).isFalse();
      assertThat(Translation.pa(answer)).isEqualTo(pa + offset & -4096L);
      assertThat(Translation.order(answer)).isEqualTo(order);
      assertThat(Translation.stage1Order(answer)).isEqualTo(order);
      assertThat(counters.get(MmuEvent.STAGE1_REFERENCE) - before).isEqualTo(references);
    }
  }

  @Test
  void aNestedWalkOfFourLevelsOverFourTakesTwentyFourReferences() {
    nested(44, 0, 48);
    assertThat(Translation.failed(mmu.translate(0x1234_5678_9000L, Access.READ | Access.USER)))
        .isFalse();
    assertThat(counters.get(MmuEvent.STAGE1_REFERENCE)).isEqualTo(4);
    assertThat(counters.get(MmuEvent.STAGE2_REFERENCE)).isEqualTo(20);
  }

  @Test
  void aNestedWalkOfFourLevelsOverThreeTakesNineteenReferences() {
    nested(40, 1, 48);
    assertThat(Translation.failed(mmu.translate(0x1234_5678_9000L, Access.READ | Access.USER)))
        .isFalse();
    assertThat(counters.get(MmuEvent.STAGE1_REFERENCE)).isEqualTo(4);
    assertThat(counters.get(MmuEvent.STAGE2_REFERENCE)).isEqualTo(15);
  }

  @Test
  void aNestedWalkOfThreeLevelsOverThreeTakesFifteenReferences() {
    nested(40, 1, 39);
    assertThat(Translation.failed(mmu.translate(0x34_5678_9000L, Access.READ | Access.USER)))
        .isFalse();
    assertThat(counters.get(MmuEvent.STAGE1_REFERENCE)).isEqualTo(3);
    assertThat(counters.get(MmuEvent.STAGE2_REFERENCE)).isEqualTo(12);
  }

  @Test
  void theSmallerStageGivesTheOrderAndTheLargerKeepsItsOwn() {
    TableBuilder outer = nestedStage2(40, 1);
    TableBuilder inner = guestTables(outer, 48);
    long ipa = 0x6000_0000L;
    inner.map(0x20_0000L, ipa, 1, Protection.ALL);
    outer.map(ipa + 0x3000, RAM + 0x30_0000L, 0, Protection.ALL);
    long answer = mmu.translate(0x20_3456L, Access.READ | Access.USER);
    assertThat(Translation.pa(answer)).isEqualTo(RAM + 0x30_0000L);
    assertThat(Translation.order(answer)).isZero();
    assertThat(Translation.stage1Order(answer)).isEqualTo(9);
  }

  @Test
  void anAbsentPageBehindAGuestTableIsAStage2FaultOfThatTablesRead() {
    TableBuilder outer = nestedStage2(40, 1);
    TableBuilder inner = guestTables(outer, 48);
    long entry = inner.entryPa(0x1000L, 2);
    long hole = 0x5_4321_0000L;
    memory.writeLong(entry, new Stage1PteFormat(Granule.SIZE_4K, 48, true).table(hole >>> 12, 2));
    long answer = mmu.translate(0x1000L, Access.WRITE);
    assertThat(Translation.kind(answer)).isEqualTo(FaultRecord.STAGE2);
    FaultRecord fault = mmu.fault();
    assertThat(fault.gpa()).isEqualTo(hole);
    assertThat(fault.va()).isEqualTo(0x1000L);
    assertThat(fault.access()).isEqualTo(Access.READ | Access.TABLE_WALK);
    assertThat(FaultStatus.code(fault.syndrome())).isEqualTo(FaultStatus.TRANSLATION | 1);
    assertThat(counters.get(MmuEvent.STAGE2_FAULT)).isEqualTo(1);
    assertThat(counters.get(MmuEvent.GUEST_FAULT)).isZero();
    // If the host has nothing to put there, the guest sees an abort on its level 2 table.
    assertThat(esr(false)).isEqualTo(0x9600_0056L);
    // EL2 sees its own fault on the read of a table: S1PTW, no WnR whatever the access was.
    assertThat(Arm64Syndrome.esrEl2(fault)).isEqualTo(0x9200_0085L);
    mmu.translate(0x1000L, Access.FETCH);
    assertThat(Arm64Syndrome.esrEl2(fault)).isEqualTo(0x8200_0085L);
  }

  @Test
  void anAbsentPageBehindTheLeafIsAStage2FaultOfTheAccessItself() {
    TableBuilder outer = nestedStage2(40, 1);
    TableBuilder inner = guestTables(outer, 48);
    inner.map(0x1000L, 0x7000_5000L, 0, Protection.ALL);
    long answer = mmu.translate(0x1abcL, Access.WRITE | Access.USER);
    assertThat(Translation.kind(answer)).isEqualTo(FaultRecord.STAGE2);
    assertThat(mmu.fault().gpa()).isEqualTo(0x7000_5abcL);
    assertThat(mmu.fault().va()).isEqualTo(0x1abcL);
    assertThat(mmu.fault().access()).isEqualTo(Access.WRITE | Access.USER);
    assertThat(esr(true)).isEqualTo(0x9200_0050L);
    // What EL2 sees: a level 2 translation fault, a write, not of a table.
    assertThat(Arm64Syndrome.esrEl2(mmu.fault())).isEqualTo(0x9200_0046L);
    assertThat(HpfarEl2.of(mmu.fault().gpa())).isEqualTo(0x7_0005L << 4);
  }

  @Test
  void aStage2WithoutWriteGivesReadsNoWriteAndRefusesTheWrite() {
    TableBuilder outer = nestedStage2(40, 1);
    TableBuilder inner = guestTables(outer, 48);
    inner.map(0x1000L, 0x7000_5000L, 0, Protection.ALL);
    long entry = outer.map(0x7000_5000L, RAM + 0x30_0000L, 0, Protection.READ);
    long answer = mmu.translate(0x1000L, Access.READ | Access.USER);
    assertThat(Translation.rights(answer)).isEqualTo(Protection.READ);
    answer = mmu.translate(0x1000L, Access.WRITE | Access.USER);
    assertThat(Translation.kind(answer)).isEqualTo(FaultRecord.STAGE2);
    assertThat(mmu.fault().syndrome()).isEqualTo(FaultStatus.PERMISSION | 3);
    // The host makes it writable: no invalidation is needed for more rights.
    memory.writeLong(entry, memory.readLong(entry) | Stage2Descriptor.S2AP_WRITE);
    answer = mmu.translate(0x1000L, Access.WRITE | Access.USER);
    assertThat(Translation.rights(answer)).isEqualTo(Protection.READ | Protection.WRITE);
  }

  @Test
  void aTableOutsideMemoryIsAnExternalAbortOfItsLevel() {
    TableBuilder tables = guestTables(null, 48);
    long entry = tables.entryPa(0x1000L, 2);
    memory.writeLong(
        entry, new Stage1PteFormat(Granule.SIZE_4K, 48, true).table(0x5_4321_0000L >>> 12, 2));
    long answer = mmu.translate(0x1000L, Access.READ);
    assertThat(Translation.kind(answer)).isEqualTo(FaultRecord.EXTERNAL);
    assertThat(mmu.fault().level()).isEqualTo(2);
    assertThat(mmu.fault().gpa()).isEqualTo(0x5_4321_0000L);
    assertThat(esr(true)).isEqualTo(0x9200_0016L);
    assertThat(counters.get(MmuEvent.GUEST_FAULT)).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({
    // inputBits, startLevel, IPA behind the last concatenated table
    "34, 2, 0x3ffff0000",
    "43, 1, 0x7fffffff000",
    "40, 1, 0xfffffff000",
    "31, 2, 0x7ffff000"
  })
  void concatenatedStartTablesReachTheLastIpa(int inputBits, int startLevel, long ipa) {
    TableBuilder outer = nestedStage2(inputBits, startLevel);
    outer.map(ipa, RAM + 0x30_0000L, 0, Protection.ALL);
    long answer = stage2.translate(ipa | 0x10, Access.READ, new FaultRecord());
    assertThat(Translation.pa(answer)).isEqualTo(RAM + 0x30_0000L);
    FaultRecord fault = new FaultRecord();
    assertThat(Translation.failed(stage2.translate(1L << inputBits, Access.READ, fault))).isTrue();
    assertThat(fault.syndrome()).isEqualTo(FaultStatus.TRANSLATION);
    assertThat(fault.kind()).isEqualTo(FaultRecord.STAGE2);
  }

  @Test
  void aDisabledStage1IsFlatAndLimitedToTheMachinesAddresses() {
    mmu.writeSctlr(0);
    long answer = mmu.translate(0x4012_3456L, Access.FETCH);
    assertThat(Translation.pa(answer)).isEqualTo(0x4012_3000L);
    assertThat(Translation.failed(mmu.translate(1L << PA_BITS, Access.READ))).isTrue();
    assertThat(mmu.fault().syndrome()).isEqualTo(FaultStatus.ADDRESS_SIZE);
    mmu.writeTcr(1L << 37 | 1L << 51);
    assertThat(Translation.pa(mmu.translate(0x5a00_0000_4012_3456L, Access.READ)))
        .isEqualTo(0x4012_3000L);
    assertThat(Translation.failed(mmu.translate(0x5a00_0000_4012_3456L, Access.FETCH)))
        .as("TBID0: the tag of a fetch is part of its address")
        .isTrue();
  }

  @Test
  void theContiguousBitIsReportedAndChangesNoTranslation() {
    TableBuilder tables = guestTables(null, 48);
    long entry = tables.map(0x1000L, 0x5000_3000L, 0, Protection.ALL);
    memory.writeLong(entry, memory.readLong(entry) | VmsaDescriptor.CONTIGUOUS);
    long answer = mmu.translate(0x1000L, Access.READ | Access.USER);
    assertThat(Translation.pa(answer)).isEqualTo(0x5000_3000L);
    assertThat(Translation.order(answer)).isZero();
    assertThat(S1Permissions.isContiguous(S1Permissions.of(memory.readLong(entry), 0, false)))
        .isTrue();
    assertThat(Granule.SIZE_4K.contiguousOrder(3)).isEqualTo(4);
    assertThat(Granule.SIZE_4K.contiguousOrder(2)).isEqualTo(13);
    assertThat(Granule.SIZE_4K.contiguousOrder(1)).isEqualTo(22);
    assertThat(Granule.SIZE_16K.contiguousOrder(3)).isEqualTo(9);
    assertThat(Granule.SIZE_16K.contiguousOrder(2)).isEqualTo(18);
    assertThat(Granule.SIZE_64K.contiguousOrder(3)).isEqualTo(9);
    assertThat(Granule.SIZE_64K.contiguousOrder(2)).isEqualTo(22);
  }

  /** A guest page mapped by 4 KiB pages at both stages, every table of it too. */
  private void nested(int ipaBits, int startLevel, int vaBits) {
    TableBuilder outer = nestedStage2(ipaBits, startLevel);
    TableBuilder inner = guestTables(outer, vaBits);
    long va = 0x1234_5678_9000L & (1L << vaBits) - 1;
    inner.map(va, 0x7000_5000L, 0, Protection.ALL);
    outer.map(0x7000_5000L, RAM + 0x30_0000L, 0, Protection.ALL);
  }

  private TableBuilder nestedStage2(int ipaBits, int startLevel) {
    stage2 = new S2Walker(memory, PA_BITS, counters);
    mmu = new Arm64Mmu(memory, stage2, FillCache.NONE, PA_BITS, counters);
    Stage2PteFormat format = new Stage2PteFormat(ipaBits, startLevel);
    TableBuilder outer = new TableBuilder(memory, format, frames);
    stage2.configure(VtcrEl2.of(ipaBits, startLevel, 4), outer.rootPa());
    // The guest's tables live at IPA == PA: the second MiB, page by page.
    for (long pa = RAM + (1 << 20); pa < RAM + (2 << 20) && ipaBits >= 31; pa += 4096) {
      outer.map(pa, pa, 0, Protection.ALL);
    }
    return outer;
  }

  private TableBuilder guestTables(TableBuilder outer, int vaBits) {
    TableBuilder inner =
        new TableBuilder(
            memory,
            new Stage1PteFormat(Granule.SIZE_4K, vaBits, true),
            outer == null ? frames : new TableBuilder.FrameSource(RAM + (1 << 20)));
    mmu.writeTcr(64 - vaBits | IPS_44);
    mmu.writeTtbr0(inner.rootPa());
    mmu.writeSctlr(SctlrEl1.M);
    return inner;
  }

  private long esr(boolean fromEl0) {
    int status = Arm64Syndrome.faultStatus(mmu.fault());
    return Arm64Syndrome.esr(status, mmu.fault().initiator(), fromEl0, Arm64Syndrome.PLAIN);
  }

  private static Granule granule(int log2Bytes) {
    return switch (log2Bytes) {
      case 12 -> Granule.SIZE_4K;
      case 14 -> Granule.SIZE_16K;
      default -> Granule.SIZE_64K;
    };
  }

  private static SecondStage flat() {
    return (gpa, access, fault) -> Translation.of(gpa >>> 12, Protection.ALL, 36, 36);
  }
}
