package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.oracle.WordMemory;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What may be written to the control registers (SDM vol. 2, MOV to control registers, WRMSR). */
class X86MmuControlRegisterTest {
  private static final RegisterWrite DONE = RegisterWrite.DONE;
  private static final RegisterWrite GP = RegisterWrite.GENERAL_PROTECTION;

  private static Arguments in64(String what, Function<X86Mmu, RegisterWrite> w, RegisterWrite end) {
    return Arguments.of(what, true, w, end);
  }

  private static Arguments flat(String what, Function<X86Mmu, RegisterWrite> w, RegisterWrite end) {
    return Arguments.of(what, false, w, end);
  }

  static Arguments[] writes() {
    long pg = Cr0.PE | Cr0.PG;
    long lme = Efer.LME | Efer.LMA;
    return new Arguments[] {
      flat("CR0.PG without PE", m -> m.control().writeCr0(Cr0.PG), GP),
      flat("CR0.NW without CD", m -> m.control().writeCr0(Cr0.PE | Cr0.NW), GP),
      flat("CR0 bit 32", m -> m.control().writeCr0(1L << 32), GP),
      flat("CR0 reserved bit 6 is ignored", m -> m.control().writeCr0(Cr0.PE | 1 << 6), DONE),
      flat("CR0.PG, 32-bit paging", m -> m.control().writeCr0(pg), DONE),
      flat("CR3 of 33 bits outside long mode", m -> m.control().writeCr3(1L << 32), GP),
      flat("CR4.PCIDE outside long mode", m -> m.control().writeCr4(Cr4.PCIDE), GP),
      flat("CR4.LA57 outside long mode", m -> m.control().writeCr4(Cr4.LA57), DONE),
      flat("CR4.UMIP, not enumerated", m -> m.control().writeCr4(1 << 11), GP),
      flat("EFER reserved bit", m -> m.control().writeEfer(1 << 1), GP),
      flat("EFER.LME", m -> m.control().writeEfer(Efer.LME), DONE),
      flat("load: LMA without paging", m -> m.control().load(Cr0.PE, 0, Cr4.PAE, lme), GP),
      flat("load: paging and LME without LMA", m -> m.control().load(pg, 0, Cr4.PAE, Efer.LME), GP),
      flat("load: long mode without PAE", m -> m.control().load(pg, 0, 0, lme), GP),
      flat("load: PCIDE without long mode", m -> m.control().load(pg, 0, Cr4.PCIDE, 0), GP),
      flat("load: CR3 too wide", m -> m.control().load(pg, 1L << 40, Cr4.PAE, lme), GP),
      flat("load: CR3 bit 63", m -> m.control().load(pg, 1L << 63, Cr4.PAE | Cr4.PCIDE, lme), GP),
      flat("load: long mode", m -> m.control().load(pg, 0x1000, Cr4.PAE, lme), DONE),
      in64("CR4 without PAE", m -> m.control().writeCr4(0), GP),
      in64("CR4.LA57", m -> m.control().writeCr4(Cr4.PAE | Cr4.LA57), GP),
      in64("CR4.PCIDE", m -> m.control().writeCr4(Cr4.PAE | Cr4.PCIDE), DONE),
      in64("CR3 of 41 bits", m -> m.control().writeCr3(1L << 40), GP),
      in64("CR3 of 40 bits", m -> m.control().writeCr3(1L << 39), DONE),
      in64("CR3 bit 63 without PCIDE", m -> m.control().writeCr3(Cr3.NO_FLUSH), GP),
      in64("EFER.LME off", m -> m.control().writeEfer(Efer.NXE), GP),
      in64("EFER.NXE off", m -> m.control().writeEfer(Efer.LME), DONE),
      in64("CR0.PG off", m -> m.control().writeCr0(Cr0.PE), DONE),
      in64("INVPCID type 4", m -> m.invpcid(4, 0, 0), GP),
      in64("INVPCID type -1", m -> m.invpcid(-1, 0, 0), GP),
      in64("INVPCID descriptor bit 12", m -> m.invpcid(2, 1 << 12, 0), GP),
      in64("INVPCID 0 of no canonical address", m -> m.invpcid(0, 0, 1L << 47), GP),
      in64("INVPCID 0 of a PCID without PCIDE", m -> m.invpcid(0, 1, 0), GP),
      in64("INVPCID 1 of a PCID without PCIDE", m -> m.invpcid(1, 1, 0), GP),
      in64("INVPCID 2 of a PCID without PCIDE", m -> m.invpcid(2, 1, 0), DONE),
    };
  }

  @ParameterizedTest(name = "{0}, in long mode {1}")
  @MethodSource("writes")
  void aWriteIsDoneOrRefusedWhole(
      String what, boolean longMode, Function<X86Mmu, RegisterWrite> write, RegisterWrite end) {
    X86Mmu mmu = (longMode ? MmuFixture.longMode(0) : new MmuFixture()).mmu;
    String before = mmu.registers().toString();
    assertThat(write.apply(mmu)).isEqualTo(end);
    if (end == GP) {
      assertThat(mmu.registers()).hasToString(before);
    }
  }

  @Test
  void pagingCannotEndWhilePcidsAreEnabled() {
    X86Mmu mmu = MmuFixture.longMode(Cr4.PCIDE).mmu;
    assertThat(mmu.control().writeCr0(Cr0.PE)).isEqualTo(GP);
    assertThat(mmu.control().writeCr3(0x1007)).isEqualTo(DONE);
    assertThat(mmu.control().writeCr4(Cr4.PAE)).isEqualTo(DONE);
    assertThat(mmu.control().writeCr4(Cr4.PAE | Cr4.PCIDE)).as("CR3[11:0] is not 0").isEqualTo(GP);
  }

  @Test
  void longModeNeedsPaeBeforePaging() {
    X86Mmu mmu = new MmuFixture().mmu;
    assertThat(mmu.control().writeEfer(Efer.LME)).isEqualTo(DONE);
    assertThat(mmu.control().writeCr0(Cr0.PE | Cr0.PG)).isEqualTo(GP);
    assertThat(mmu.control().writeCr4(Cr4.PAE | Cr4.LA57)).isEqualTo(DONE);
    assertThat(mmu.control().writeCr0(Cr0.PE | Cr0.PG)).isEqualTo(DONE);
    assertThat(mmu.registers().mode()).isEqualTo(PagingMode.FIVE_LEVEL);
    assertThat(mmu.registers().efer()).isEqualTo(Efer.LME | Efer.LMA);
    assertThat(mmu.control().writeEfer(Efer.LME | Efer.NXE)).isEqualTo(DONE);
    assertThat(mmu.registers().efer())
        .as("LMA is not the guest's")
        .isEqualTo(Efer.LME | Efer.LMA | Efer.NXE);
  }

  @Test
  void thePdpteRegistersAreReadWhenCr3IsWrittenAndNotBefore() {
    MmuFixture fixture = new MmuFixture();
    fixture.memory.writeLong(0x2000, 0x5000 | Ia32ePte.P);
    fixture.memory.writeLong(0x5000, MmuFixture.USER_PAGE | Ia32ePte.PS);
    assertThat(fixture.mmu.control().writeCr4(Cr4.PAE)).isEqualTo(DONE);
    assertThat(fixture.mmu.control().writeCr3(0x2000)).isEqualTo(DONE);
    assertThat(fixture.mmu.control().writeCr0(MmuFixture.PAGING)).isEqualTo(DONE);
    assertThat(fixture.mmu.registers().mode()).isEqualTo(PagingMode.PAE);
    assertThat(fixture.read(0x1234)).isEqualTo(0x1000);
    fixture.memory.writeLong(0x2000, 0);
    fixture.mmu.invlpg(0x1234);
    assertThat(fixture.read(0x1234)).as("the register still holds it").isEqualTo(0x1000);
    assertThat(fixture.mmu.control().writeCr3(0x2000)).isEqualTo(DONE);
    assertThat(fixture.read(0x1234)).isEqualTo(-1L - FaultRecord.GUEST);
    assertThat(fixture.mmu.fault().syndrome()).isEqualTo(PageFaultCode.USER);
    fixture.memory.writeLong(0x2000, 0x5000 | Ia32ePte.P | Ia32ePte.RW);
    assertThat(fixture.mmu.control().writeCr3(0x2000)).as("a reserved bit").isEqualTo(GP);
    assertThat(fixture.mmu.registers().pdpte(0)).as("the old registers stay").isZero();
  }

  @Test
  void aPdpteLoadThatEptRefusesIsNoLinearAccessAndCanBeRepeated() {
    WordMemory memory = new WordMemory(8);
    MmuCounters counters = new MmuCounters();
    EptWalker ept = new EptWalker(memory, counters, 40, Eptp.of(0x1000, 4, true));
    X86Mmu mmu = new X86Mmu(memory, ept, counters, 40);
    assertThat(mmu.control().writeCr4(Cr4.PAE)).isEqualTo(DONE);
    assertThat(mmu.control().writeCr0(Cr0.PE | Cr0.PG)).isEqualTo(RegisterWrite.STAGE2_FAULT);
    assertThat(mmu.fault().kind()).isEqualTo(FaultRecord.STAGE2);
    assertThat(mmu.fault().syndrome()).isEqualTo(ExitQualification.READ);
    assertThat(mmu.registers().mode()).isEqualTo(PagingMode.NONE);
    memory.writeLong(0x1000, 0x2000 | EptEntry.RIGHTS);
    memory.writeLong(0x2000, 0x87 | EptEntry.WRITE_BACK << 3);
    assertThat(mmu.control().writeCr0(Cr0.PE | Cr0.PG)).isEqualTo(DONE);
    assertThat(counters.get(MmuEvent.STAGE2_FAULT)).isEqualTo(1);
  }

  @Test
  void aProbeSeesWhatATranslationWouldAndLeavesNoTrace() {
    MmuFixture fixture = MmuFixture.longMode(0);
    fixture.map(0x7000, 0x10_0000, MmuFixture.USER_PAGE);
    MmuCounters.Snapshot before = fixture.counters.snapshot();
    long[] memory = fixture.memory.words().clone();
    assertThat(Translation.pa(fixture.mmu.probe(0x7000, Access.WRITE))).isEqualTo(0x10_0000);
    assertThat(fixture.mmu.probe(0x8000, Access.READ)).isNegative();
    assertThat(fixture.mmu.fault().kind()).isEqualTo(FaultRecord.GUEST);
    assertThat(fixture.mmu.probe(1L << 47, Access.READ)).isNegative();
    assertThat(fixture.mmu.fault().kind()).isEqualTo(FaultRecord.NON_CANONICAL);
    assertThat(fixture.counters.snapshot()).isEqualTo(before);
    assertThat(fixture.memory.words()).isEqualTo(memory);
    fixture.map(0x7000, 0x20_0000, MmuFixture.USER_PAGE);
    assertThat(fixture.read(0x7000)).as("a probe fills no TLB").isEqualTo(0x20_0000);
  }

  @Test
  void anAddressThatIsNotCanonicalIsNoPageFault() {
    MmuFixture fixture = MmuFixture.longMode(0);
    assertThat(fixture.read(0x0123_4567_89ab_cdefL)).isEqualTo(-1L - FaultRecord.NON_CANONICAL);
    assertThat(fixture.mmu.fault().va()).isEqualTo(0x0123_4567_89ab_cdefL);
    assertThat(fixture.counters.get(MmuEvent.WALK)).isZero();
    assertThat(fixture.counters.get(MmuEvent.GUEST_FAULT)).isEqualTo(1);
  }

  @Test
  void anImpossiblePhysicalWidthIsRefused() {
    assertThatThrownBy(() -> new ControlRegisters(53))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("32 to 52");
  }
}
