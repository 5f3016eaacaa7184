package dev.quire.emulator.vcpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Efer;
import org.junit.jupiter.api.Test;

/** Rules of SDM vol. 2B, MOV to control registers, and vol. 3A 10.8.5. */
class ControlRegisterUnitTest {
  private static final int GP = X86Vector.GENERAL_PROTECTION;

  private final FakeX86CpuState state = new FakeX86CpuState();
  private final ControlRegisterUnit unit = new ControlRegisterUnit(state);

  @Test
  void fiveRegistersExistAndNeedLevelZero() {
    for (int number = 0; number < 16; number++) {
      boolean exists = number == 0 || number >= 2 && number <= 4 || number == 8;
      state.cpl = 0;
      assertThat(unit.checkMove(number)).isEqualTo(exists ? UnitStatus.OK : 6);
      state.cpl = 3;
      assertThat(unit.checkMove(number)).isEqualTo(exists ? GP : 6);
    }
  }

  @Test
  void pagingCannotBeLeftFrom64BitCode() {
    assertThat(unit.checkCr0(Cr0.PE)).isEqualTo(GP);
    state.loadCodeSegment(8, 0, -1, FakeX86CpuState.CODE_32, 0);
    assertThat(unit.checkCr0(Cr0.PE)).as("compatibility mode").isEqualTo(UnitStatus.OK);
  }

  @Test
  void longModeCannotBeEnteredWithALongCodeSegmentOrA16BitTss() {
    state.cr0 = Cr0.PE | Cr0.ET;
    state.efer = Efer.LME;
    assertThat(unit.checkCr0(Cr0.PE | Cr0.PG)).isEqualTo(GP);
    state.loadCodeSegment(8, 0, -1, FakeX86CpuState.CODE_32, 0);
    assertThat(unit.checkCr0(Cr0.PE | Cr0.PG)).isEqualTo(UnitStatus.OK);
    state.trSelector = 0x28;
    state.trAttributes = 0x8300;
    assertThat(unit.checkCr0(Cr0.PE | Cr0.PG)).isEqualTo(GP);
    state.trSelector = 0;
    assertThat(unit.checkCr0(Cr0.PE | Cr0.PG)).isEqualTo(UnitStatus.OK);
  }

  @Test
  void changesWithoutPagingInThemAreTheMmusBusiness() {
    assertThat(unit.checkCr0(state.cr0 | Cr0.WP)).isEqualTo(UnitStatus.OK);
  }

  @Test
  void lmswCopiesFourBitsAndNeverClearsProtection() {
    long cr0 = Cr0.PG | Cr0.PE | Cr0.TS | Cr0.ET;
    assertThat(ControlRegisterUnit.lmsw(cr0, 0)).isEqualTo(Cr0.PG | Cr0.PE | Cr0.ET);
    assertThat(ControlRegisterUnit.lmsw(Cr0.ET, 0xffff))
        .isEqualTo(Cr0.ET | Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS);
    assertThat(ControlRegisterUnit.clts(cr0)).isEqualTo(Cr0.PG | Cr0.PE | Cr0.ET);
  }

  @Test
  void cr8HasFourBits() {
    assertThat(ControlRegisterUnit.isLegalCr8(15)).isTrue();
    assertThat(ControlRegisterUnit.isLegalCr8(16)).isFalse();
    assertThat(ControlRegisterUnit.isLegalCr8(1L << 63)).isFalse();
  }

  @Test
  void invpcidReadsItsDescriptorAtLevelZeroOnly() {
    FakeLinearMemory memory = new FakeLinearMemory();
    InvalidationUnit invalidation = new InvalidationUnit(state, memory);
    memory.poke(0x1ff8, 8, 0x123);
    memory.poke(0x2000, 8, 0xffff_8000_0000_1000L);
    assertThat(invalidation.readDescriptor(0x1ff8, false)).isEqualTo(UnitStatus.OK);
    assertThat(invalidation.pcidWord()).isEqualTo(0x123);
    assertThat(invalidation.linearAddress()).isEqualTo(0xffff_8000_0000_1000L);

    memory.fate(0x2000, FakeLinearMemory.Fate.ABSENT);
    assertThat(invalidation.readDescriptor(0x1ff8, false)).isEqualTo(X86Vector.PAGE_FAULT);
    assertThat(invalidation.readDescriptor(1L << 50, false)).isEqualTo(GP);
    assertThat(invalidation.readDescriptor(1L << 50, true)).isEqualTo(X86Vector.STACK_FAULT);
    state.cpl = 3;
    assertThat(invalidation.readDescriptor(0x1ff8, false)).isEqualTo(GP);
    assertThat(invalidation.checkPrivilege()).isEqualTo(GP);
    assertThat(state.gpr(X86RegisterView.RAX)).isZero();
  }
}
