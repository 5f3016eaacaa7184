package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.TlbInvalidation;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Map, use, remap, use (the old translation still stands), invalidate, use (the new one is seen):
 * SDM vol. 3A 4.10.4.1, one row per sentence.
 */
class X86MmuInvalidationTest {
  private static final long VA = 0x40_0000_5000L;
  private static final long OTHER_VA = 0x40_0000_6000L;
  private static final long OLD = 0x10_0000;
  private static final long NEW = 0x20_0000;
  private static final long GLOBAL = MmuFixture.USER_PAGE | Ia32ePte.G;
  private static final long BASE = Cr4.PAE | Cr4.PGE;

  private static Arguments row(
      String name, Consumer<MmuFixture> invalidation, boolean dropsLocal, boolean dropsGlobal) {
    return Arguments.of(name, BASE, invalidation, dropsLocal, dropsGlobal);
  }

  private static Arguments rowWith(
      String name,
      long cr4,
      Consumer<MmuFixture> invalidation,
      boolean dropsLocal,
      boolean dropsGlobal) {
    return Arguments.of(name, BASE | cr4, invalidation, dropsLocal, dropsGlobal);
  }

  static Arguments[] invalidations() {
    long pcide = Cr4.PCIDE;
    return new Arguments[] {
      row("nothing", f -> {}, false, false),
      row("MOV CR3", f -> f.mmu.control().writeCr3(MmuFixture.ROOT), true, false),
      rowWith(
          "MOV CR3, PCID in use",
          pcide,
          f -> f.mmu.control().writeCr3(MmuFixture.ROOT),
          true,
          false),
      rowWith("MOV CR3, no flush", pcide, f -> noFlush(f, 0), false, false),
      rowWith("to another PCID and back, no flush", pcide, f -> thereAndBack(f), false, false),
      row("INVLPG", f -> f.mmu.invlpg(VA + 0x123), true, true),
      row("INVLPG of another page", f -> f.mmu.invlpg(OTHER_VA), false, false),
      row("INVLPG of no canonical address", f -> f.mmu.invlpg(1L << 47), false, false),
      row("INVPCID 0", f -> f.mmu.invpcid(0, 0, VA), true, false),
      row("INVPCID 0 of another page", f -> f.mmu.invpcid(0, 0, OTHER_VA), false, false),
      rowWith("INVPCID 0 of another PCID", pcide, f -> f.mmu.invpcid(0, 7, VA), false, false),
      row("INVPCID 1", f -> f.mmu.invpcid(1, 0, 0), true, false),
      rowWith("INVPCID 1 of another PCID", pcide, f -> f.mmu.invpcid(1, 7, 0), false, false),
      row("INVPCID 2", f -> f.mmu.invpcid(2, 0, 0), true, true),
      row("INVPCID 3", f -> f.mmu.invpcid(3, 0, 0), true, false),
      row("CR4.PGE off", f -> f.mmu.control().writeCr4(Cr4.PAE), true, true),
      row("CR4.SMEP on", f -> f.mmu.control().writeCr4(BASE | Cr4.SMEP), true, true),
      rowWith("CR4.SMEP off", Cr4.SMEP, f -> f.mmu.control().writeCr4(BASE), false, false),
      row("CR4.SMAP on", f -> f.mmu.control().writeCr4(BASE | Cr4.SMAP), false, false),
      row("CR4.PCIDE on", f -> f.mmu.control().writeCr4(BASE | Cr4.PCIDE), false, false),
      rowWith("CR4.PCIDE off", pcide, f -> f.mmu.control().writeCr4(BASE), true, true),
      row("CR0.WP off", f -> f.mmu.control().writeCr0(Cr0.PE | Cr0.PG), false, false),
      row("CR0.PG off and on", X86MmuInvalidationTest::pagingOffAndOn, true, true),
      row("EFER.NXE off", f -> f.mmu.control().writeEfer(Efer.LME), false, false),
      row("all registers loaded", X86MmuInvalidationTest::loadAgain, true, true),
      row("the host: all", f -> f.mmu.invalidate(new TlbInvalidation.All()), true, true),
      row(
          "the host: guest physical",
          f -> f.mmu.invalidate(new TlbInvalidation.GuestPhysical(OLD, 4096)),
          true,
          true),
    };
  }

  private static void noFlush(MmuFixture fixture, int pcid) {
    RegisterWrite done = fixture.mmu.control().writeCr3(MmuFixture.ROOT | pcid | Cr3.NO_FLUSH);
    assertThat(done).isEqualTo(RegisterWrite.DONE);
  }

  private static void thereAndBack(MmuFixture fixture) {
    noFlush(fixture, 7);
    noFlush(fixture, 0);
  }

  private static void pagingOffAndOn(MmuFixture fixture) {
    assertThat(fixture.mmu.control().writeCr0(Cr0.PE)).isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.mmu.registers().efer() & Efer.LMA).isZero();
    assertThat(fixture.mmu.control().writeCr0(MmuFixture.PAGING)).isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.mmu.registers().efer() & Efer.LMA).isNotZero();
  }

  private static void loadAgain(MmuFixture fixture) {
    ControlRegisters registers = fixture.mmu.registers();
    assertThat(
            fixture
                .mmu
                .control()
                .load(registers.cr0(), registers.cr3(), registers.cr4(), registers.efer()))
        .isEqualTo(RegisterWrite.DONE);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("invalidations")
  void aTranslationStandsUntilItsInvalidation(
      String name,
      long cr4,
      Consumer<MmuFixture> invalidation,
      boolean dropsLocal,
      boolean dropsGlobal) {
    checkPage("a local page", cr4, invalidation, MmuFixture.USER_PAGE, dropsLocal);
    checkPage("a global page", cr4, invalidation, GLOBAL, dropsGlobal);
    checkLargePage(name, cr4, invalidation, dropsLocal);
  }

  private static void checkPage(
      String what, long cr4, Consumer<MmuFixture> invalidation, long flags, boolean drops) {
    MmuFixture fixture = MmuFixture.longMode(cr4);
    fixture.map(VA, OLD, flags);
    assertThat(fixture.read(VA)).isEqualTo(OLD);
    fixture.map(VA, NEW, flags);
    assertThat(fixture.read(VA)).as("before, %s", what).isEqualTo(OLD);
    invalidation.accept(fixture);
    assertThat(fixture.read(VA)).as("after, %s", what).isEqualTo(drops ? NEW : OLD);
  }

  /** The address used is another one of the large page than the address invalidated. */
  private static void checkLargePage(
      String name, long cr4, Consumer<MmuFixture> invalidation, boolean drops) {
    MmuFixture fixture = MmuFixture.longMode(cr4);
    long base = VA & -0x20_0000;
    fixture.mapLarge(base, 0x20_0000, MmuFixture.USER_PAGE);
    assertThat(fixture.read(base + 0x1f_f000)).isEqualTo(0x3f_f000);
    fixture.mapLarge(base, 0x40_0000, MmuFixture.USER_PAGE);
    assertThat(fixture.read(base + 0x1f_f000)).as("before, large").isEqualTo(0x3f_f000);
    invalidation.accept(fixture);
    boolean hit = drops || namesTheLargePage(name);
    assertThat(fixture.read(base + 0x1f_f000))
        .as("after, large")
        .isEqualTo(hit ? 0x5f_f000 : 0x3f_f000);
  }

  /** INVLPG and INVPCID of "another page" still name an address of the same large page. */
  private static boolean namesTheLargePage(String name) {
    return name.endsWith("of another page");
  }

  @Test
  void aNoFlushSwitchKeepsEachAddressSpaceApart() {
    MmuFixture fixture = MmuFixture.longMode(BASE | Cr4.PCIDE);
    long otherRoot = fixture.allocate();
    fixture.map(VA, OLD, MmuFixture.USER_PAGE);
    fixture.mapIn(otherRoot, VA, NEW, MmuFixture.USER_PAGE);
    fixture.map(OTHER_VA, OLD, GLOBAL);
    assertThat(fixture.read(VA)).isEqualTo(OLD);
    assertThat(fixture.read(OTHER_VA)).isEqualTo(OLD);
    assertThat(fixture.mmu.control().writeCr3(otherRoot | 7 | Cr3.NO_FLUSH))
        .isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.mmu.registers().cr3()).isEqualTo(otherRoot | 7);
    assertThat(fixture.read(VA)).isEqualTo(NEW);
    assertThat(fixture.read(OTHER_VA)).as("a global page, seen by every PCID").isEqualTo(OLD);
    fixture.mapIn(otherRoot, VA, OLD, MmuFixture.USER_PAGE);
    assertThat(fixture.mmu.control().writeCr3(MmuFixture.ROOT)).isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.mmu.control().writeCr3(otherRoot | 7 | Cr3.NO_FLUSH))
        .isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.read(VA)).as("flushing PCID 0 left PCID 7 alone").isEqualTo(NEW);
    assertThat(fixture.mmu.invpcid(0, 7, VA)).isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.read(VA)).isEqualTo(OLD);
  }

  @Test
  void withoutPcidsTheLowBitsOfCr3NameNoAddressSpace() {
    MmuFixture fixture = MmuFixture.longMode(BASE);
    fixture.map(VA, OLD, MmuFixture.USER_PAGE);
    assertThat(fixture.read(VA)).isEqualTo(OLD);
    assertThat(fixture.mmu.control().writeCr3(MmuFixture.ROOT | 0x18))
        .isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.mmu.registers().pcid()).isZero();
  }

  @Test
  void aDenialReadsTheTablesAgainBeforeItFaults() {
    MmuFixture fixture = MmuFixture.longMode(BASE);
    fixture.map(VA, OLD, Ia32ePte.P | Ia32ePte.US);
    assertThat(fixture.access(VA, Access.READ | Access.USER)).isEqualTo(OLD);
    fixture.map(VA, NEW, MmuFixture.USER_PAGE);
    assertThat(fixture.access(VA, Access.WRITE | Access.USER)).isEqualTo(NEW);
    assertThat(fixture.access(VA, Access.READ | Access.USER)).as("and drops it").isEqualTo(NEW);
    assertThat(fixture.counters.get(MmuEvent.GUEST_FAULT)).isZero();
  }

  @Test
  void aPageFaultInvalidatesThePage() {
    MmuFixture fixture = MmuFixture.longMode(BASE);
    fixture.map(VA, OLD, Ia32ePte.P | Ia32ePte.US);
    assertThat(fixture.access(VA, Access.READ | Access.USER)).isEqualTo(OLD);
    assertThat(fixture.access(VA, Access.WRITE | Access.USER)).isEqualTo(-1L - FaultRecord.GUEST);
    assertThat(fixture.mmu.fault().syndrome())
        .isEqualTo(PageFaultCode.PROTECTION | PageFaultCode.WRITE | PageFaultCode.USER);
    assertThat(fixture.mmu.fault().va()).isEqualTo(VA);
    fixture.map(VA, NEW, Ia32ePte.P | Ia32ePte.US);
    assertThat(fixture.access(VA, Access.READ | Access.USER)).isEqualTo(NEW);
    assertThat(fixture.counters.get(MmuEvent.GUEST_FAULT)).isEqualTo(1);
    assertThat(fixture.pageFlushes).isEqualTo(1);
    assertThat(fixture.fullFlushes).isZero();
  }

  @Test
  void theFirstWriteToACleanPageSetsTheDirtyFlagAndKeepsTheFills() {
    MmuFixture fixture = MmuFixture.longMode(BASE);
    fixture.map(VA, OLD, MmuFixture.USER_PAGE);
    assertThat(fixture.read(VA)).isEqualTo(OLD);
    assertThat(fixture.pte(VA) & (Ia32ePte.A | Ia32ePte.D)).isEqualTo(Ia32ePte.A);
    assertThat(fixture.access(VA, Access.WRITE)).isEqualTo(OLD);
    assertThat(fixture.pte(VA) & Ia32ePte.D).isNotZero();
    assertThat(fixture.fullFlushes + fixture.pageFlushes).isZero();
    assertThat(fixture.counters.get(MmuEvent.WALK)).isEqualTo(2);
    // The guest clears D without an invalidation: the processor need not notice.
    fixture.map(VA, OLD, MmuFixture.USER_PAGE | Ia32ePte.A);
    assertThat(fixture.mmu.translate(VA, Access.WRITE)).isNotNegative();
    assertThat(fixture.pte(VA) & Ia32ePte.D).isZero();
    fixture.mmu.invlpg(VA);
    assertThat(fixture.access(VA, Access.WRITE)).isEqualTo(OLD);
    assertThat(fixture.pte(VA) & Ia32ePte.D).isNotZero();
  }

  @Test
  void aWriteToACleanPageThatMovedReachesTheNewPage() {
    MmuFixture fixture = MmuFixture.longMode(BASE);
    fixture.map(VA, OLD, MmuFixture.USER_PAGE);
    assertThat(fixture.read(VA)).isEqualTo(OLD);
    fixture.map(VA, NEW, MmuFixture.USER_PAGE);
    assertThat(fixture.access(VA, Access.WRITE)).isEqualTo(NEW);
    assertThat(fixture.read(VA)).as("no fill of the old page is left").isEqualTo(NEW);
  }

  @Test
  void anInvalidationOfASmallPageFlushesOneFillAndOfALargePageAll() {
    MmuFixture fixture = MmuFixture.longMode(BASE);
    fixture.map(VA, OLD, MmuFixture.USER_PAGE);
    fixture.read(VA);
    fixture.mmu.invlpg(VA);
    assertThat(fixture.pageFlushes).isEqualTo(1);
    assertThat(fixture.fullFlushes).isZero();
    fixture.mmu.invlpg(VA);
    assertThat(fixture.pageFlushes).as("nothing to drop").isEqualTo(1);
    long large = 0x80_0000_0000L;
    fixture.mapLarge(large, 0x40_0000, MmuFixture.USER_PAGE);
    fixture.read(large);
    fixture.mmu.invlpg(large + 0x5000);
    assertThat(fixture.fullFlushes).isEqualTo(1);
  }

  @Test
  void anInvpcidThatSparesTheGlobalPageStillFlushesTheLargePageAroundIt() {
    MmuFixture fixture = MmuFixture.longMode(BASE);
    fixture.map(VA, OLD, GLOBAL);
    fixture.read(VA);
    // The guest merges the region into a large page without an invalidation of the small one.
    fixture.mapLarge(VA & -0x20_0000, 0x20_0000, MmuFixture.USER_PAGE);
    assertThat(fixture.read(OTHER_VA)).isEqualTo(0x20_6000);
    fixture.mapLarge(VA & -0x20_0000, 0x40_0000, MmuFixture.USER_PAGE);
    assertThat(fixture.mmu.invpcid(X86Mmu.INVPCID_ADDRESS, 0, VA)).isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.read(OTHER_VA)).isEqualTo(0x40_6000);
    assertThat(fixture.read(VA)).as("the global page").isEqualTo(OLD);
  }

  @Test
  void withoutPagingAddressesArePhysicalAndNothingOfItSurvivesPaging() {
    MmuFixture fixture = new MmuFixture();
    assertThat(fixture.read(0x7000)).isEqualTo(0x7000);
    assertThat(fixture.read(0x1_0000_7000L)).as("32 bits of address").isEqualTo(0x7000);
    assertThat(fixture.mmu.control().writeCr4(Cr4.PAE)).isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.mmu.control().writeEfer(Efer.LME | Efer.NXE)).isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.mmu.control().writeCr3(MmuFixture.ROOT)).isEqualTo(RegisterWrite.DONE);
    fixture.map(0x7000, NEW, MmuFixture.USER_PAGE);
    assertThat(fixture.mmu.control().writeCr0(MmuFixture.PAGING)).isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.read(0x7000)).isEqualTo(NEW);
    assertThat(fixture.mmu.registers().mode()).isEqualTo(PagingMode.FOUR_LEVEL);
  }
}
