package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.oracle.WordMemory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Protection keys, the LA57 switch and memory types as registers and the TLB make them felt. */
class X86MmuFeaturesTest {
  private static final long VA = 0x40_0000_5000L;
  private static final int USER_READ = Access.READ | Access.USER;
  private static final int USER_WRITE = Access.WRITE | Access.USER;
  private static final long KEY_3 = 3L << 59;
  private static final int ACCESS_DISABLE_3 = 1 << 6;
  private static final int WRITE_DISABLE_3 = 1 << 7;

  @Test
  void keysAreNotEnumeratedUnlessAskedFor() {
    MmuFixture fixture = MmuFixture.longMode(0);
    assertThat(fixture.mmu.control().writeCr4(Cr4.PAE | Cr4.PKE))
        .isEqualTo(RegisterWrite.GENERAL_PROTECTION);
    fixture.mmu.control().enumerate(Cr4.PKE);
    assertThat(fixture.mmu.control().writeCr4(Cr4.PAE | Cr4.PKE)).isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.mmu.control().writeCr4(Cr4.PAE | Cr4.PKS))
        .isEqualTo(RegisterWrite.GENERAL_PROTECTION);
    assertThatThrownBy(() -> fixture.mmu.control().enumerate(1L << 40))
        .hasMessageContaining("only PKE and PKS");
  }

  /**
   * No invalidation comes with WRPKRU: the key is kept with the translation, its rights are not.
   */
  @Test
  void pkruDecidesOverTranslationsInTheTlb() {
    MmuFixture fixture = keyed(Cr4.PKE, MmuFixture.USER_PAGE | Ia32ePte.D | KEY_3);
    X86Mmu mmu = fixture.mmu;
    assertThat(fixture.access(VA, USER_WRITE)).isEqualTo(0x10_0000);
    long walks = fixture.counters.get(MmuEvent.WALK);
    mmu.control().writePkru(WRITE_DISABLE_3);
    assertThat(fixture.access(VA, USER_READ)).isEqualTo(0x10_0000);
    assertThat(fixture.counters.get(MmuEvent.WALK)).as("found in the TLB").isEqualTo(walks);
    assertThat(fixture.access(VA, USER_WRITE)).isEqualTo(-1L - FaultRecord.GUEST);
    assertThat(mmu.fault().syndrome())
        .isEqualTo(
            PageFaultCode.PROTECTION
                | PageFaultCode.WRITE
                | PageFaultCode.USER
                | PageFaultCode.PROTECTION_KEY);
    mmu.control().writePkru(ACCESS_DISABLE_3);
    assertThat(fixture.access(VA, USER_READ)).isEqualTo(-1L - FaultRecord.GUEST);
    assertThat(fixture.access(VA, Access.FETCH | Access.USER)).as("fetches").isEqualTo(0x10_0000);
    mmu.control().writePkru(~(3 << 6));
    assertThat(fixture.access(VA, USER_WRITE)).as("other keys").isEqualTo(0x10_0000);
  }

  @Test
  void pkrsIsForSupervisorPagesAlone() {
    MmuFixture fixture = keyed(Cr4.PKS | Cr4.PKE, Ia32ePte.P | Ia32ePte.RW | Ia32ePte.D | KEY_3);
    X86Mmu mmu = fixture.mmu;
    mmu.control().writePkru(-1);
    assertThat(fixture.access(VA, Access.WRITE)).isEqualTo(0x10_0000);
    assertThat(mmu.control().writePkrs(1L << 32)).isEqualTo(RegisterWrite.GENERAL_PROTECTION);
    assertThat(mmu.control().writePkrs(WRITE_DISABLE_3)).isEqualTo(RegisterWrite.DONE);
    assertThat(fixture.access(VA, Access.WRITE)).isEqualTo(-1L - FaultRecord.GUEST);
    assertThat(fixture.access(VA, Access.READ)).isEqualTo(0x10_0000);
    mmu.control().writeCr0(MmuFixture.PAGING & ~Cr0.WP);
    assertThat(fixture.access(VA, Access.WRITE)).as("without CR0.WP").isEqualTo(0x10_0000);
  }

  private static MmuFixture keyed(long cr4, long flags) {
    MmuFixture fixture = MmuFixture.longMode(0);
    fixture.mmu.control().enumerate(cr4);
    fixture.mmu.control().writeCr4(Cr4.PAE | cr4);
    fixture.map(VA, 0x10_0000, flags);
    return fixture;
  }

  /** As Linux's la57toggle.S: out of long mode, the flag, back into long mode on another root. */
  @Test
  void la57SwitchesOnlyOutsideLongMode() {
    MmuFixture fixture = MmuFixture.longMode(0);
    X86Mmu mmu = fixture.mmu;
    long pml5 = fixture.allocate();
    fixture.memory.writeLong(pml5, MmuFixture.ROOT | MmuFixture.USER_PAGE);
    fixture.map(VA, 0x10_0000, MmuFixture.USER_PAGE);
    long wide = 1L << 50;
    assertThat(mmu.control().writeCr4(Cr4.PAE | Cr4.LA57))
        .isEqualTo(RegisterWrite.GENERAL_PROTECTION);
    assertThat(fixture.read(wide)).isEqualTo(-1L - FaultRecord.NON_CANONICAL);
    assertThat(mmu.control().writeCr0(Cr0.PE)).isEqualTo(RegisterWrite.DONE);
    assertThat(mmu.registers().efer() & Efer.LMA).isZero();
    assertThat(mmu.control().writeCr3(pml5)).isEqualTo(RegisterWrite.DONE);
    assertThat(mmu.control().writeCr4(Cr4.PAE | Cr4.LA57)).isEqualTo(RegisterWrite.DONE);
    assertThat(mmu.control().writeCr0(MmuFixture.PAGING)).isEqualTo(RegisterWrite.DONE);
    assertThat(mmu.registers().mode()).isEqualTo(PagingMode.FIVE_LEVEL);
    assertThat(fixture.read(VA)).isEqualTo(0x10_0000);
    assertThat(fixture.read(wide)).as("canonical now").isEqualTo(-1L - FaultRecord.GUEST);
    assertThat(fixture.counters.get(MmuEvent.STAGE1_REFERENCE)).isEqualTo(5 + 1);
    assertThat(mmu.control().writeCr4(Cr4.PAE)).isEqualTo(RegisterWrite.GENERAL_PROTECTION);
  }

  /** The rows of table 12-7 that Linux uses: entry 1 is WT after RESET, entry 2 UC-. */
  @ParameterizedTest(name = "EPT type {0}, ignore PAT {1}, PWT and PCD {2}: {3}")
  @CsvSource({
    "6, false, 0x00, 6",
    "6, false, 0x08, 4",
    "6, false, 0x10, 0",
    "6, true, 0x10, 6",
    "1, false, 0x10, 1",
    "0, false, 0x00, 0",
    "5, true, 0x18, 5"
  })
  void theEffectiveTypeCombinesEptWithThePat(int type, boolean ignorePat, int bits, int expected) {
    WordMemory memory = new WordMemory(16);
    MmuFixture fixture = new MmuFixture();
    memory.writeLong(0x5000, 0x6000 | EptEntry.RIGHTS);
    memory.writeLong(0x6000, 0x7000 | EptEntry.RIGHTS);
    long large = EptEntry.RIGHTS | EptEntry.PS | (ignorePat ? EptEntry.IGNORE_PAT : 0);
    memory.writeLong(0x7000, EptEntry.RIGHTS | EptEntry.PS | EptEntry.WRITE_BACK << 3);
    memory.writeLong(0x7008, 1 << 21 | large | (long) type << 3);
    EptWalker ept = new EptWalker(memory, fixture.counters, 40, Eptp.of(0x5000, 4, false));
    X86Mmu mmu = new X86Mmu(memory, ept, fixture.counters, 40);
    for (int level = 4; level > 1; level--) {
      memory.writeLong((5 - level) * 0x1000L, (6 - level) * 0x1000L | MmuFixture.USER_PAGE);
    }
    memory.writeLong(0x4000, 0x20_0000 | MmuFixture.USER_PAGE | bits);
    mmu.control().load(MmuFixture.PAGING, 0x1000, Cr4.PAE, MmuFixture.LONG_MODE);
    assertThat(mmu.memoryType(0, USER_READ)).as("from the tables").isEqualTo(expected);
    mmu.translate(0, USER_READ);
    assertThat(mmu.memoryType(0, USER_READ)).as("from the TLB").isEqualTo(expected);
    assertThat(mmu.memoryType(0x1000, USER_READ)).as("an absent page").isEqualTo(-1);
    mmu.control().writeCr0(MmuFixture.PAGING | Cr0.CD);
    assertThat(mmu.memoryType(0, USER_READ)).as("CR0.CD").isEqualTo(MemoryType.UNCACHEABLE);
  }

  @Test
  void thePatHoldsOnlyTypesThatExist() {
    X86Mmu mmu = new MmuFixture().mmu;
    assertThat(mmu.control().writePat(0x0107_0406_0005_0406L)).isEqualTo(RegisterWrite.DONE);
    assertThat(mmu.registers().pat()).isEqualTo(0x0107_0406_0005_0406L);
    assertThat(mmu.control().writePat(0x0200_0000_0000_0000L))
        .isEqualTo(RegisterWrite.GENERAL_PROTECTION);
    assertThat(mmu.control().writePat(0x0008_0000_0000_0000L))
        .isEqualTo(RegisterWrite.GENERAL_PROTECTION);
  }

  @Test
  void modeBasedExecuteGoesByThePageAndNotByThePrivilege() {
    MmuFixture fixture = MmuFixture.longMode(0);
    WordMemory memory = fixture.memory;
    long root = fixture.allocate();
    long pdpt = fixture.allocate();
    memory.writeLong(root, pdpt | EptEntry.RIGHTS | EptEntry.USER_EXECUTE);
    long userOnly = EptEntry.READ | EptEntry.WRITE | EptEntry.USER_EXECUTE;
    memory.writeLong(pdpt, userOnly | EptEntry.PS | EptEntry.WRITE_BACK << 3);
    EptWalker ept = new EptWalker(memory, fixture.counters, 40, Eptp.of(root, 4, false));
    ept.setModeBasedExecute(true);
    X86Mmu mmu = new X86Mmu(memory, ept, fixture.counters, 40);
    mmu.control().load(MmuFixture.PAGING, MmuFixture.ROOT, Cr4.PAE, MmuFixture.LONG_MODE);
    fixture.map(VA, 0x10_0000, MmuFixture.USER_PAGE);
    fixture.map(VA + 0x1000, 0x10_0000, Ia32ePte.P | Ia32ePte.RW);
    assertThat(Translation.rights(mmu.translate(VA, Access.FETCH)))
        .as("a supervisor fetches from a user page")
        .isEqualTo(Protection.READ | Protection.EXEC);
    assertThat(mmu.translate(VA + 0x1000, Access.FETCH)).isNegative();
    assertThat(mmu.fault().syndrome())
        .isEqualTo(
            ExitQualification.FETCH
                | ExitQualification.ENTRY_READABLE
                | ExitQualification.ENTRY_WRITABLE
                | ExitQualification.ENTRY_USER_EXECUTABLE
                | ExitQualification.LINEAR_VALID
                | ExitQualification.LINEAR_ACCESS
                | ExitQualification.WRITABLE_PAGE);
    assertThat(ExitQualification.describe(ExitQualification.duringIret(mmu.fault().syndrome())))
        .isEqualTo("fetch of a page that is rw-u");
  }
}
