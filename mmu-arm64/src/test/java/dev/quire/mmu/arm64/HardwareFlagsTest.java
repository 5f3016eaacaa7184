package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.oracle.ArrayMemory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** FEAT_HAFDBS: who sets the access flag and the dirty state, when, and what is granted before. */
class HardwareFlagsTest {
  private static final long RAM = 0x4000_0000L;
  private static final long VA = 0x1000;
  private static final long PAGE = 0x8000_0000L;
  private static final long OTHER_PAGE = PAGE | 1 << 20;
  private static final long TCR = 16 | 4L << 32;
  private static final int READ = Access.READ | Access.USER;
  private static final int WRITE = Access.WRITE | Access.USER;
  private static final Arm64Features HAFDBS = new Arm64Features(true, false, false, false);

  private final ArrayMemory memory = new ArrayMemory(RAM, 1 << 20);
  private final MmuCounters counters = new MmuCounters();
  private S2Walker stage2;
  private Arm64Mmu mmu;
  private long stage2Root;
  private long leaf;
  private long tableLeaf2;
  private long pageLeaf2;

  @BeforeEach
  void nest() {
    build(memory);
  }

  private void build(PhysicalMemory seen) {
    TableBuilder.FrameSource frames = new TableBuilder.FrameSource(RAM);
    TableBuilder outer = new TableBuilder(memory, new Stage2PteFormat(40, 1), frames);
    TableBuilder user =
        new TableBuilder(memory, new Stage1PteFormat(Granule.SIZE_4K, 48, true), frames);
    leaf = user.map(VA, PAGE, 0, Protection.READ);
    for (long pa = RAM; pa < RAM + 0x10_000; pa += 4096) {
      outer.map(pa, pa, 0, Protection.ALL);
    }
    tableLeaf2 = outer.entryPa(leaf, 0);
    pageLeaf2 = outer.map(PAGE, PAGE, 0, Protection.ALL);
    outer.map(OTHER_PAGE, OTHER_PAGE, 0, Protection.ALL);
    stage2Root = outer.rootPa();
    memory.writeLong(leaf, memory.readLong(leaf) & ~VmsaDescriptor.AF | VmsaDescriptor.DBM);
    stage2 = new S2Walker(seen, 44, counters, HAFDBS);
    stage2.configure(VtcrEl2.of(40, 1, 4), outer.rootPa());
    mmu = new Arm64Mmu(seen, stage2, FillCache.NONE, 44, counters, HAFDBS);
    mmu.writeTcr(TCR | TcrEl1.HA | TcrEl1.HD);
    mmu.writeTtbr0(user.rootPa());
    mmu.writeSctlr(SctlrEl1.M);
  }

  private boolean has(long entryPa, long bit) {
    return (memory.readLong(entryPa) & bit) != 0;
  }

  @Test
  void aReadSetsTheAccessFlagAndAWriteTheDirtyState() {
    assertThat(Translation.rights(mmu.translate(VA, READ)))
        .as("clean: no right to write yet")
        .isEqualTo(Protection.READ);
    assertThat(has(leaf, VmsaDescriptor.AF)).isTrue();
    assertThat(has(leaf, VmsaDescriptor.AP_READ_ONLY)).isTrue();
    assertThat(Translation.rights(mmu.translate(VA, WRITE)))
        .isEqualTo(Protection.READ | Protection.WRITE);
    assertThat(has(leaf, VmsaDescriptor.AP_READ_ONLY)).isFalse();
    assertThat(counters.get(MmuEvent.ACCESSED_SET)).isEqualTo(1);
    assertThat(counters.get(MmuEvent.DIRTY_SET)).isEqualTo(1);
    assertThat(Translation.rights(mmu.translate(VA, READ)))
        .as("from the TLB")
        .isEqualTo(Protection.READ | Protection.WRITE);
  }

  @Test
  void withoutHaTheFlagIsTheGuests() {
    mmu.writeTcr(TCR | TcrEl1.HD);
    assertThat(Translation.failed(mmu.translate(VA, READ))).isTrue();
    assertThat(mmu.fault().syndrome()).isEqualTo(FaultStatus.ACCESS_FLAG | 3);
    memory.writeLong(leaf, memory.readLong(leaf) | VmsaDescriptor.AF);
    assertThat(Translation.failed(mmu.translate(VA, WRITE))).as("HD needs HA").isTrue();
    assertThat(mmu.fault().syndrome()).isEqualTo(FaultStatus.PERMISSION | 3);
  }

  @Test
  void withoutTheFeatureHaAndHdMeanNothing() {
    Arm64Mmu plain = new Arm64Mmu(memory, stage2, FillCache.NONE, 44, counters);
    plain.writeTcr(TCR | TcrEl1.HA | TcrEl1.HD);
    plain.writeTtbr0(leaf & -4096L);
    plain.writeSctlr(SctlrEl1.M);
    assertThat(Translation.failed(plain.translate(VA, READ))).isTrue();
    assertThat(has(leaf, VmsaDescriptor.AF)).isFalse();
  }

  @Test
  void anAccessThatFaultsSetsNothing() {
    long entry = memory.readLong(leaf) & ~VmsaDescriptor.AP_EL0;
    memory.writeLong(leaf, entry);
    assertThat(Translation.failed(mmu.translate(VA, READ))).isTrue();
    assertThat(memory.readLong(leaf)).isEqualTo(entry);
  }

  @Test
  void aSecondStageThatMakesTheTableReadOnlySeesAWriteOfTheDescriptor() {
    memory.writeLong(tableLeaf2, memory.readLong(tableLeaf2) & ~Stage2Descriptor.S2AP_WRITE);
    assertThat(Translation.kind(mmu.translate(VA, READ))).isEqualTo(FaultRecord.STAGE2);
    FaultRecord fault = mmu.fault();
    assertThat(fault.gpa()).isEqualTo(leaf);
    assertThat(fault.access()).isEqualTo(Access.WRITE | Access.TABLE_WALK);
    assertThat(fault.initiator()).isEqualTo(READ);
    assertThat(FaultStatus.code(fault.syndrome())).isEqualTo(FaultStatus.PERMISSION | 3);
    assertThat(FaultStatus.walkingLevel(fault.syndrome())).isEqualTo(3);
    assertThat(Arm64Syndrome.esrEl2(fault))
        .isEqualTo(0x9200_0000L | EsrEl1.S1PTW | EsrEl1.WNR | FaultStatus.PERMISSION | 3);
    assertThat(HpfarEl2.ipa(HpfarEl2.of(fault.gpa()))).isEqualTo(leaf & -4096L);
  }

  @Test
  void theSecondStageKeepsFlagsOfItsOwn() {
    stage2.configure(VtcrEl2.of(40, 1, 4) | VtcrEl2.HA | VtcrEl2.HD, stage2Root);
    long clean = memory.readLong(pageLeaf2) & ~(Stage2Descriptor.AF | Stage2Descriptor.S2AP_WRITE);
    memory.writeLong(pageLeaf2, clean | Stage2Descriptor.DBM);
    memory.writeLong(leaf, memory.readLong(leaf) & ~VmsaDescriptor.AP_READ_ONLY);
    assertThat(Translation.rights(mmu.translate(VA, READ))).isEqualTo(Protection.READ);
    assertThat(has(pageLeaf2, Stage2Descriptor.AF)).isTrue();
    assertThat(has(pageLeaf2, Stage2Descriptor.S2AP_WRITE)).isFalse();
    assertThat(Translation.rights(mmu.translate(VA, WRITE)))
        .isEqualTo(Protection.READ | Protection.WRITE);
    assertThat(has(pageLeaf2, Stage2Descriptor.S2AP_WRITE)).isTrue();
  }

  @Test
  void addressTranslationInstructionsAndProbesSetNothing() {
    long before = memory.readLong(leaf);
    assertThat(ParEl1.failed(mmu.addressTranslate(AtOp.S1E0W, VA, false))).isFalse();
    assertThat(Translation.rights(mmu.probe(VA, WRITE)))
        .isEqualTo(Protection.READ | Protection.WRITE);
    assertThat(memory.readLong(leaf)).isEqualTo(before);
  }

  /** Another vCPU changes the entry between its read and its update: the walk starts again. */
  @Test
  void anEntryThatChangesUnderTheWalkIsReadAgain() {
    long[] calls = new long[1];
    PhysicalMemory racing =
        new PhysicalMemory() {
          @Override
          public boolean contains(long pa, long bytes) {
            return memory.contains(pa, bytes);
          }

          @Override
          public long readLong(long pa) {
            return memory.readLong(pa);
          }

          @Override
          public int readInt(long pa) {
            return memory.readInt(pa);
          }

          @Override
          public void writeLong(long pa, long value) {
            memory.writeLong(pa, value);
          }

          @Override
          public void writeInt(long pa, int value) {
            memory.writeInt(pa, value);
          }

          @Override
          public boolean compareAndSetLong(long pa, long expected, long value) {
            if (calls[0]++ == 0) {
              memory.writeLong(pa, expected ^ 1L << 20);
              return false;
            }
            return memory.compareAndSetLong(pa, expected, value);
          }

          @Override
          public boolean compareAndSetInt(long pa, int expected, int value) {
            return memory.compareAndSetInt(pa, expected, value);
          }
        };
    build(racing);
    assertThat(Translation.pa(mmu.translate(VA, READ))).isEqualTo(OTHER_PAGE);
    assertThat(counters.get(MmuEvent.STAGE1_REFERENCE)).as("two walks").isEqualTo(8);
    assertThat(counters.get(MmuEvent.ACCESSED_SET)).isEqualTo(1);
  }
}
