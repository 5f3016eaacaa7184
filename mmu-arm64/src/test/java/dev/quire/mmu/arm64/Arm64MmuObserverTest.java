package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Protection;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.arm64.oracle.ArrayMemory;
import dev.quire.mmu.tlb.RecordingObserver;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What an MMU tells its observer, in which order, and the path of the walk it shows. */
class Arm64MmuObserverTest {
  private static final long RAM = 0x4000_0000L;
  private static final long VA = 0x1234_5678_9000L;
  private static final long PAGE_GPA = 0x1_7000_5000L;
  private static final long TCR = 16 | 16 << 16 | 2L << 30 | 4L << 32 | TcrEl1.AS | 1L << 37;
  private static final int READ = Access.READ | Access.USER;

  private final ArrayMemory memory = new ArrayMemory(RAM, 1 << 20);
  private final MmuCounters counters = new MmuCounters();
  private final RecordingObserver observer = new RecordingObserver();
  private Arm64Mmu mmu;
  private TableBuilder user;
  private TableBuilder outer;

  @BeforeEach
  void enable() {
    S2Walker stage2 = new S2Walker(memory, 44, counters);
    TableBuilder.FrameSource frames = new TableBuilder.FrameSource(RAM);
    outer = new TableBuilder(memory, new Stage2PteFormat(40, 1), frames);
    outer.map(RAM, RAM, 2, Protection.ALL);
    stage2.configure(VtcrEl2.of(40, 1, 4), outer.rootPa());
    mmu = new Arm64Mmu(memory, stage2, FillCache.NONE, 44, counters);
    user = new TableBuilder(memory, new Stage1PteFormat(Granule.SIZE_4K, 48, true), frames);
    mmu.writeTcr(TCR);
    mmu.writeTtbr0(user.rootPa());
    mmu.writeSctlr(SctlrEl1.M);
    user.map(VA, RAM, 0, Protection.ALL);
    mmu.setObserver(observer);
  }

  @Test
  void aWalkIsToldOnceUntaggedAndItsPageGivenForEachUse() {
    long tagged = VA | 0x5a00_0000_0000_0123L;
    assertThat(observer.during(() -> mmu.translate(tagged, READ)))
        .containsExactly("walked 0x123456789123 in 0 = 0");
    user.map(VA + 0x1000, RAM, 0, Protection.ALL);
    mmu.translate(VA + 0x1000, READ);
    assertThat(mmu.lastPage()).isEqualTo(1);
    assertThat(observer.during(() -> mmu.translate(VA, READ))).isEmpty();
    assertThat(mmu.lastPage()).as("found in the TLB").isZero();
    assertThat(observer.during(() -> mmu.probe(VA, READ))).isEmpty();
  }

  @Test
  void anEntryThatGainsARightGetsAnotherId() {
    long entry = user.map(VA, RAM, 0, Protection.READ);
    mmu.translate(VA, READ);
    long granted = memory.readLong(entry) & ~VmsaDescriptor.AP_READ_ONLY;
    memory.writeLong(entry, granted);
    assertThat(observer.during(() -> mmu.translate(VA, Access.WRITE | Access.USER)))
        .containsExactly("dropped 0", "walked 0x123456789000 in 0 = 1");
    assertThat(mmu.lastPage()).isEqualTo(1);
  }

  @Test
  void everyInvalidationIsToldBeforeItTakesEffect() {
    String all = new TlbInvalidation.AllStage1().toString();
    told(() -> mmu.tlbi(TlbiOp.VMALLE1, 0), all);
    told(() -> mmu.tlbi(TlbiOp.ASIDE1, 0), new TlbInvalidation.Asid(0).toString());
    told(
        () -> mmu.tlbi(TlbiOp.VAE1, VA >>> 12),
        new TlbInvalidation.Page(VA, 0, true, false).toString());
    told(
        () -> mmu.tlbi(TlbiOp.VALE1IS, VA >>> 12),
        new TlbInvalidation.Page(VA, 0, true, true).toString());
    told(
        () -> mmu.tlbi(TlbiOp.VAAE1, VA >>> 12),
        new TlbInvalidation.PageEveryAsid(VA, false).toString());
    told(
        () -> mmu.tlbi(TlbiOp.RVAE1, VA >>> 12 | 1L << 46),
        new TlbInvalidation.Range(VA, 0x2000, 0, false).toString());
    TlbInvalidation host = new TlbInvalidation.GuestPhysical(RAM, 4096);
    told(() -> mmu.invalidate(host), host.toString());
    told(() -> mmu.writeTcr(TCR ^ 1L << 41), all);
    told(() -> mmu.writeSctlr(SctlrEl1.M | SctlrEl1.WXN), all);
  }

  private void told(Runnable action, String invalidation) {
    mmu.translate(VA, READ);
    assertThat(observer.during(action))
        .containsExactly(invalidation, "dropped " + observer.lastPage());
  }

  @Test
  void anotherAsidIsTold() {
    assertThat(observer.during(() -> mmu.writeTtbr0(user.rootPa() | 7L << 48)))
        .containsExactly("in 7");
    assertThat(observer.during(() -> mmu.writeTtbr0(user.rootPa() | 7L << 48 | 1))).isEmpty();
    assertThat(observer.during(() -> mmu.writeTtbr1(9L << 48))).isEmpty();
    assertThat(observer.during(() -> mmu.writeTcr(TCR | TcrEl1.A1)))
        .containsExactly(new TlbInvalidation.AllStage1().toString(), "in 9");
    mmu.setObserver(null);
    assertThat(observer.during(() -> mmu.setObserver(observer))).containsExactly("in 9");
  }

  @Test
  void thePathHasBothStagesAndTheContiguousGroups() {
    long entry = user.map(VA, PAGE_GPA, 0, Protection.ALL);
    memory.writeLong(entry, memory.readLong(entry) | VmsaDescriptor.CONTIGUOUS);
    long block = outer.map(PAGE_GPA, RAM, 1, Protection.ALL);
    memory.writeLong(block, memory.readLong(block) | Stage2Descriptor.CONTIGUOUS);
    mmu.translate(VA | 0x123, READ);
    long root = user.rootPa() + (VA >>> 39 & 511) * 8;
    long l1 = user.entryPa(VA, 2);
    long l2 = user.entryPa(VA, 1);
    String table = " (order 18, 1 read)";
    assertThat(observer.path())
        .isEqualTo(
            "%x/39%s %x/30%s %x/21%s %x/12%s 170005000 (order 9, 2 read) groups 4 13"
                .formatted(root, table, l1, table, l2, table, entry, table));
  }

  @Test
  void aDisabledStage1HasAPathOfNoSteps() {
    mmu.writeSctlr(0);
    mmu.translate(RAM + 0x3456, READ);
    assertThat(observer.path()).isEqualTo("40003000 (order 18, 1 read) groups 0 0");
  }
}
