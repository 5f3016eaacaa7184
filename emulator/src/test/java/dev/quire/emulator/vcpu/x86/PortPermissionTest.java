package dev.quire.emulator.vcpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.x86.Cr0;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Rules of SDM vol. 1, 19.5. */
class PortPermissionTest {
  private static final int GP = X86Vector.GENERAL_PROTECTION;
  private static final long TSS = 0x4000;
  private static final int MAP = 0x68;

  private final FakeX86CpuState state = new FakeX86CpuState();
  private final FakeLinearMemory memory = new FakeLinearMemory();
  private final PortPermission unit = new PortPermission(state, memory);

  @BeforeEach
  void userCodeWithABitmapForTheFirst1024Ports() {
    state.cpl = 3;
    state.trBase = TSS;
    state.trLimit = MAP + 128;
    memory.poke(TSS + 0x66, 2, MAP);
    memory.poke(TSS + MAP + 128, 1, 0xff);
  }

  @Test
  void realModeAndEnoughIoplAllowEverything() {
    memory.poke(TSS + MAP, 8, -1);
    assertThat(unit.check(0x20, 1)).isEqualTo(GP);
    state.rflags |= 3 << 12;
    assertThat(unit.check(0x20, 1)).isEqualTo(UnitStatus.OK);
    state.rflags &= ~(3 << 12);
    state.cpl = 0;
    assertThat(unit.check(0x20, 1)).isEqualTo(UnitStatus.OK);
    state.cpl = 3;
    state.cr0 &= ~Cr0.PE;
    assertThat(unit.check(0x20, 1)).isEqualTo(UnitStatus.OK);
  }

  @Test
  void virtual8086CodeAlwaysAsksTheBitmap() {
    memory.poke(TSS + MAP, 8, -1);
    state.rflags |= 3 << 12 | X86Flags.RFLAGS_VM;
    assertThat(unit.check(0x20, 1)).isEqualTo(GP);
  }

  @Test
  void everyPortOfAWideAccessMustBeAllowedEvenAcrossBytes() {
    memory.poke(TSS + MAP + 1, 1, 1);
    assertThat(unit.check(7, 1)).isEqualTo(UnitStatus.OK);
    assertThat(unit.check(8, 1)).isEqualTo(GP);
    assertThat(unit.check(7, 2)).isEqualTo(GP);
    assertThat(unit.check(5, 2)).isEqualTo(UnitStatus.OK);
    assertThat(unit.check(5, 4)).isEqualTo(GP);
  }

  @Test
  void randomBitmapsAgreeWithABitByBitReading() {
    Random random = new Random(3);
    for (int run = 0; run < 20_000; run++) {
      int port = random.nextInt(1030);
      int bytes = 1 << random.nextInt(3);
      long bits =
          (long) random.nextInt(0x1_0000) >>> random.nextInt(16) << random.nextInt(16) & 0xffff;
      memory.poke(TSS + MAP + port / 8, 2, bits);
      memory.poke(TSS + MAP + 128, 1, 0xff);
      boolean allowed = port / 8 + 1 <= 128;
      for (int p = port; p < port + bytes; p++) {
        long map = memory.peek(TSS + MAP + p / 8, 1);
        allowed &= (map >> p % 8 & 1) == 0;
      }
      assertThat(unit.check(port, bytes))
          .as("port %x, %d bytes, map %x", port, bytes, bits)
          .isEqualTo(allowed ? UnitStatus.OK : GP);
    }
  }

  @Test
  void aMapBeyondTheLimitAShortTssOrA16BitTssForbid() {
    state.trLimit = MAP;
    assertThat(unit.check(0, 1)).isEqualTo(GP);
    state.trLimit = MAP + 1;
    assertThat(unit.check(0, 1)).isEqualTo(UnitStatus.OK);
    state.trLimit = 102;
    memory.poke(TSS + 0x66, 2, 0);
    assertThat(unit.check(0, 1)).isEqualTo(GP);
    state.trLimit = 0xfff;
    state.trAttributes = 0x8300;
    assertThat(unit.check(0, 1)).isEqualTo(GP);
    state.trAttributes = 0x8b00;
    assertThat(unit.check(0, 1)).isEqualTo(UnitStatus.OK);
  }

  @Test
  void faultsOfTheBitmapAreReported() {
    memory.fate(TSS, FakeLinearMemory.Fate.HOST);
    assertThat(unit.check(0, 1)).isEqualTo(UnitStatus.NEEDS_HOST);
    memory.fate(TSS, FakeLinearMemory.Fate.ABSENT);
    assertThat(unit.check(0, 1)).isEqualTo(X86Vector.PAGE_FAULT);
    assertThat(memory.cr2()).isEqualTo(TSS + 0x66);
  }
}
