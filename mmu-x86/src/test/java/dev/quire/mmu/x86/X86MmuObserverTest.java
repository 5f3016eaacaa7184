package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.ArchitecturalTlb;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Order;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.TranslationObserver;
import dev.quire.mmu.tlb.RecordingObserver;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What an MMU tells its observer, in which order, and the path of the walk it shows. */
class X86MmuObserverTest {
  private static final long VA = 0x40_0000_5000L;
  private static final int READ = Access.READ | Access.USER;
  private static final int WRITE = Access.WRITE | Access.USER;

  private final RecordingObserver observer = new RecordingObserver();
  private MmuFixture fixture;

  @BeforeEach
  void observe() {
    fixture = MmuFixture.longMode(Cr4.PGE | Cr4.PCIDE);
    fixture.map(VA, 0x10_0000, MmuFixture.USER_PAGE);
    fixture.mmu.setObserver(observer);
  }

  @Test
  void aWalkIsToldOnceAndItsPageGivenForEachUse() {
    assertThat(observer.during(() -> fixture.mmu.translate(VA | 0x123, READ)))
        .containsExactly("walked 0x4000005123 in 0 = 0");
    assertThat(fixture.mmu.lastPage()).isZero();
    fixture.map(VA + 0x1000, 0x11_0000, MmuFixture.USER_PAGE | Ia32ePte.G);
    assertThat(observer.during(() -> fixture.mmu.translate(VA + 0x1000, READ)))
        .containsExactly("walked 0x4000006000 global = 1");
    assertThat(fixture.mmu.lastPage()).isEqualTo(1);
    assertThat(observer.during(() -> fixture.mmu.translate(VA, READ))).isEmpty();
    assertThat(fixture.mmu.lastPage()).as("found in the TLB").isZero();
    assertThat(observer.during(() -> fixture.mmu.probe(VA + 0x2000, READ))).isEmpty();
  }

  @Test
  void aRightThatIsAddedGivesThePageAnotherId() {
    fixture.mmu.translate(VA, READ);
    assertThat(observer.during(() -> fixture.mmu.translate(VA, WRITE)))
        .containsExactly("dropped 0", "walked 0x4000005000 in 0 = 1");
    assertThat(fixture.mmu.lastPage()).isEqualTo(1);
    assertThat(observer.during(() -> fixture.mmu.translate(VA, READ))).isEmpty();
    assertThat(fixture.mmu.lastPage()).isEqualTo(1);
  }

  @Test
  void anEntryThatADeniedAccessRemovesIsDropped() {
    fixture.mmu.translate(VA, READ);
    fixture.map(VA, 0, 0);
    assertThat(observer.during(() -> fixture.mmu.translate(VA, WRITE)))
        .containsExactly("dropped 0");
    fixture.map(VA, 0x12_0000, MmuFixture.USER_PAGE);
    assertThat(observer.during(() -> fixture.mmu.translate(VA, WRITE)))
        .containsExactly("walked 0x4000005000 in 0 = 1");
  }

  /** SDM vol. 3A 4.10.4.1: a page fault drops the structure caches on the way to its address. */
  @Test
  void aPageFaultThatIsTakenIsTold() {
    long absent = VA + 0x2000;
    fixture.mmu.control().writeCr3(MmuFixture.ROOT | 5);
    assertThat(observer.during(() -> fixture.mmu.translate(absent | 0x123, READ))).isEmpty();
    assertThat(observer.during(fixture.mmu::faultTaken))
        .containsExactly(new TlbInvalidation.Page(absent | 0x123, 5, false, false).toString());
    fixture.mmu.translate(1L << 47, READ);
    assertThat(observer.during(fixture.mmu::faultTaken)).as("no canonical address").isEmpty();
    fixture.mmu.setObserver(null);
    fixture.mmu.translate(absent, READ);
    fixture.mmu.faultTaken();
  }

  /** SDM vol. 3C 28.3.3.1: of EPT violations, one of the address itself, not of a table. */
  @Test
  void anEptViolationThatIsTakenIsTold() {
    boolean[] tablesAbsent = {false};
    SecondStage violating =
        new SecondStage() {
          @Override
          public long translate(long gpa, int access, FaultRecord fault) {
            return tablesAbsent[0] || !Access.isTableWalk(access)
                ? fault.set(FaultRecord.STAGE2, 0, gpa, access, 1, 0)
                : WalkComparison.IDENTITY.translate(gpa, access, fault);
          }
        };
    fixture = MmuFixture.longMode(0, violating, 16);
    fixture.map(VA, 0x10_0000, MmuFixture.USER_PAGE);
    fixture.mmu.setObserver(observer);
    fixture.mmu.translate(VA, READ);
    assertThat(observer.during(fixture.mmu::faultTaken))
        .containsExactly(new TlbInvalidation.Page(VA, 0, false, false).toString());
    tablesAbsent[0] = true;
    fixture.mmu.translate(VA, READ);
    assertThat(observer.during(fixture.mmu::faultTaken)).isEmpty();
  }

  /** Each invalidation is told before the entry goes, and a new address space after that. */
  @Test
  void everyInvalidationIsToldBeforeItTakesEffect() {
    X86Mmu mmu = fixture.mmu;
    String asid0 = new TlbInvalidation.Asid(0).toString();
    String all = new TlbInvalidation.AllStage1().toString();
    told(() -> mmu.invlpg(VA), new TlbInvalidation.Page(VA, 0, true, false).toString());
    told(() -> mmu.invpcid(0, 0, VA), new TlbInvalidation.Page(VA, 0, false, false).toString());
    told(() -> mmu.invpcid(1, 0, 0), asid0);
    told(() -> mmu.invpcid(2, 0, 0), all);
    told(() -> mmu.invpcid(3, 0, 0), new TlbInvalidation.AllNonGlobal().toString());
    told(() -> mmu.control().writeCr3(MmuFixture.ROOT), asid0);
    long cr4 = mmu.registers().cr4();
    told(() -> mmu.control().writeCr4(cr4 ^ Cr4.PGE), all);
    told(() -> mmu.control().writeCr4(cr4 | Cr4.SMEP), all);
    TlbInvalidation host = new TlbInvalidation.GuestPhysical(0x10_0000, 4096);
    told(() -> mmu.invalidate(host), host.toString());
    long cr0 = mmu.registers().cr0();
    told(() -> mmu.control().load(cr0, MmuFixture.ROOT, cr4, mmu.registers().efer()), all);
    mmu.control().writeCr4(cr4 & ~Cr4.PCIDE);
    told(() -> mmu.control().writeCr0(cr0 & ~Cr0.PG), all);
  }

  private void told(Runnable action, String... invalidation) {
    fixture.mmu.translate(VA, READ);
    List<String> expected = new ArrayList<>(List.of(invalidation));
    expected.add("dropped " + observer.lastPage());
    assertThat(observer.during(action)).containsExactlyElementsOf(expected);
  }

  @Test
  void anotherAddressSpaceIsToldAfterTheInvalidationThatComesWithIt() {
    X86Mmu mmu = fixture.mmu;
    assertThat(observer.during(() -> mmu.control().writeCr3(MmuFixture.ROOT | 5)))
        .containsExactly(new TlbInvalidation.Asid(5).toString(), "in 5");
    assertThat(observer.during(() -> mmu.control().writeCr3(MmuFixture.ROOT | 5 | Cr3.NO_FLUSH)))
        .isEmpty();
    assertThat(observer.during(() -> mmu.control().writeCr3(MmuFixture.ROOT | 6 | Cr3.NO_FLUSH)))
        .containsExactly("in 6");
    String all = new TlbInvalidation.AllStage1().toString();
    assertThat(observer.during(() -> mmu.control().writeCr4(Cr4.PAE | Cr4.PGE)))
        .containsExactly(all, "in 0");
    assertThat(observer.during(() -> mmu.control().writeCr0(MmuFixture.PAGING & ~Cr0.WP)))
        .isEmpty();
  }

  @Test
  void anObserverStartsWithAnEmptyTlbAndTheCurrentAddressSpace() {
    X86Mmu mmu = fixture.mmu;
    mmu.control().writeCr3(MmuFixture.ROOT | 9);
    mmu.setObserver(null);
    assertThat(observer.during(() -> mmu.translate(VA, READ))).isEmpty();
    assertThat(mmu.lastPage()).isEqualTo(TranslationObserver.NO_PAGE);
    assertThat(observer.during(() -> mmu.setObserver(observer))).containsExactly("in 9");
    assertThat(observer.during(() -> mmu.translate(VA, READ))).hasSize(1);
  }

  @Test
  void thePathOfAWalkWithoutASecondStageSaysSo() {
    fixture.mmu.translate(VA | 0x123, READ);
    String none = " (order -1, 0 read)";
    long pdpt = fixture.memory.readLong(MmuFixture.ROOT) & Ia32ePte.ADDRESS;
    long pd = fixture.memory.readLong(pdpt + 256 * 8) & Ia32ePte.ADDRESS;
    long pt = fixture.memory.readLong(pd) & Ia32ePte.ADDRESS;
    assertThat(observer.path())
        .isEqualTo(
            "1000/39%s %x/30%s %x/21%s %x/12%s 100000%s groups 0 0"
                .formatted(none, pdpt + 256 * 8, none, pd, none, pt + 5 * 8, none, none));
  }

  @Test
  void thePathOfANestedWalkHasTheSecondStageOfEveryStep() {
    MmuFixture nested = new MmuFixture(WalkComparison.IDENTITY, 16);
    long eptRoot = nested.allocate();
    long eptPdpt = nested.allocate();
    long eptPd = nested.allocate();
    long page = EptEntry.RIGHTS | EptEntry.WRITE_BACK << 3 | EptEntry.PS;
    nested.memory.writeLong(eptRoot, eptPdpt | EptEntry.RIGHTS);
    nested.memory.writeLong(eptPdpt, eptPd | EptEntry.RIGHTS);
    nested.memory.writeLong(eptPdpt + 8, 1L << 30 | page);
    nested.memory.writeLong(eptPd, page);
    EptWalker ept =
        new EptWalker(
            nested.memory, nested.counters, MmuFixture.PHYSICAL_BITS, Eptp.of(eptRoot, 4, false));
    X86Mmu mmu =
        new X86Mmu(
            nested.memory, ept, nested.counters, MmuFixture.PHYSICAL_BITS, new ArchitecturalTlb());
    mmu.setObserver(observer);
    mmu.control().load(MmuFixture.PAGING, MmuFixture.ROOT, Cr4.PAE, MmuFixture.LONG_MODE);
    nested.mapLarge(VA, 0x4000_0000L, MmuFixture.USER_PAGE);
    long answer = mmu.translate(VA, WRITE);
    assertThat(Translation.order(answer)).isEqualTo(Order.SIZE_2M);
    String small = " (order 9, 3 read)";
    long pdpt = nested.memory.readLong(MmuFixture.ROOT) & Ia32ePte.ADDRESS;
    long pd = nested.memory.readLong(pdpt + 256 * 8) & Ia32ePte.ADDRESS;
    assertThat(observer.path())
        .isEqualTo(
            "1000/39%s %x/30%s %x/21%s 40005000 (order 18, 2 read) groups 0 0"
                .formatted(small, pdpt + 256 * 8, small, pd, small));
    mmu.control().writeCr0(Cr0.PE);
    mmu.translate(0x12_3456, READ);
    assertThat(observer.path())
        .as("without stage 1")
        .isEqualTo("123000 (order 9, 3 read) groups 0 0");
  }
}
