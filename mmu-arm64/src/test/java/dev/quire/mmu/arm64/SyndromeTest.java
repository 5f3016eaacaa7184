package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import org.junit.jupiter.api.Test;

/** ESR_EL1 and PAR_EL1 as whole words, worked out by hand from the manual's bit tables. */
class SyndromeTest {
  private final FaultRecord fault = new FaultRecord();

  private long esr(int status, int access, boolean fromEl0, int instruction) {
    fault.set(FaultRecord.GUEST, 0, 0, access, status & 3, status);
    return Arm64Syndrome.esr(Arm64Syndrome.faultStatus(fault), access, fromEl0, instruction);
  }

  @Test
  void dataAbortsCarryClassStatusAndDirection() {
    int translation3 = FaultStatus.TRANSLATION | 3;
    assertThat(esr(translation3, Access.WRITE, false, Arm64Syndrome.PLAIN)).isEqualTo(0x96000047L);
    assertThat(esr(translation3, Access.WRITE, true, Arm64Syndrome.PLAIN)).isEqualTo(0x92000047L);
    assertThat(esr(translation3, Access.READ, true, Arm64Syndrome.PLAIN)).isEqualTo(0x92000007L);
    int permission2 = FaultStatus.PERMISSION | 2;
    assertThat(esr(permission2, Access.READ, false, Arm64Syndrome.PLAIN)).isEqualTo(0x9600000eL);
    int flag1 = FaultStatus.ACCESS_FLAG | 1;
    assertThat(esr(flag1, Access.WRITE, false, Arm64Syndrome.PLAIN)).isEqualTo(0x96000049L);
  }

  @Test
  void levelMinusOneHasCodesOfItsOwn() {
    assertThat(FaultStatus.of(FaultStatus.ADDRESS_SIZE, -1)).isEqualTo(0b101001);
    assertThat(FaultStatus.of(FaultStatus.TRANSLATION, -1)).isEqualTo(0b101011);
    assertThat(FaultStatus.of(FaultStatus.EXTERNAL_ON_WALK, -1)).isEqualTo(0b010011);
    for (int level = -1; level <= 3; level++) {
      int status = FaultStatus.of(FaultStatus.EXTERNAL_ON_WALK, level);
      assertThat(FaultStatus.kind(status)).isEqualTo(FaultStatus.EXTERNAL_ON_WALK);
      assertThat(FaultStatus.walkingLevel(FaultStatus.withWalkingLevel(status, level)))
          .isEqualTo(level);
    }
    assertThatThrownBy(() -> FaultStatus.of(FaultStatus.PERMISSION, -1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void anUnprivilegedAccessOfEl1ComesFromTheSameLevel() {
    int status = FaultStatus.PERMISSION | 3;
    assertThat(esr(status, Access.READ | Access.USER, false, Arm64Syndrome.PLAIN))
        .isEqualTo(0x9600000fL);
  }

  @Test
  void instructionAbortsHaveNoDirection() {
    int status = FaultStatus.PERMISSION | 3;
    assertThat(esr(status, Access.FETCH, true, Arm64Syndrome.PLAIN)).isEqualTo(0x8200000fL);
    assertThat(esr(status, Access.FETCH, false, Arm64Syndrome.PLAIN)).isEqualTo(0x8600000fL);
  }

  @Test
  void cacheMaintenanceIsAWriteWithCmAndAnAtomicMayBeARead() {
    int status = FaultStatus.TRANSLATION | 2;
    assertThat(esr(status, Access.READ, true, Arm64Syndrome.CACHE_MAINTENANCE))
        .isEqualTo(0x92000146L);
    assertThat(esr(status, Access.WRITE, true, Arm64Syndrome.ATOMIC_READ_FAULTS))
        .isEqualTo(0x92000006L);
  }

  @Test
  void parCarriesAddressAttributesAndTheEffectiveShareability() {
    assertThat(ParEl1.success(0x4003_3b00L, 0xff, 3)).isEqualTo(0xff00_0000_4003_3b80L);
    assertThat(ParEl1.success(0x4003_3000L, 0x44, 3)).isEqualTo(0x4400_0000_4003_3b00L);
    assertThat(ParEl1.success(0x4003_3000L, 0x04, 0)).isEqualTo(0x0400_0000_4003_3b00L);
  }

  /** The three values are those measured on Unicorn 2.1.4 for the same situations. */
  @Test
  void parCarriesStatusStageAndWalk() {
    assertThat(ParEl1.failure(FaultStatus.PERMISSION | 3, true, false)).isEqualTo(0xa1fL);
    assertThat(ParEl1.failure(FaultStatus.TRANSLATION | 3, true, false)).isEqualTo(0xa0fL);
    assertThat(ParEl1.failure(FaultStatus.TRANSLATION | 3, true, true)).isEqualTo(0xb0fL);
  }
}
