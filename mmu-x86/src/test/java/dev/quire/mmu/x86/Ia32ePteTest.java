package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.PteFormatContract;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class Ia32ePteTest {
  @Nested
  class FourLevel extends PteFormatContract {
    @Override
    protected PteFormat format() {
      return Ia32ePte.FOUR_LEVEL;
    }

    @Override
    protected int physicalBits() {
      return 52;
    }
  }

  @Nested
  class FiveLevel extends PteFormatContract {
    @Override
    protected PteFormat format() {
      return Ia32ePte.FIVE_LEVEL;
    }

    @Override
    protected int physicalBits() {
      return 52;
    }
  }

  @Test
  void entriesHaveTheBitsOfTheManual() {
    PteFormat format = Ia32ePte.FOUR_LEVEL;
    assertThat(format.leaf(0x12345, 0, Protection.READ)).isEqualTo(0x8000_0000_1234_5005L);
    assertThat(format.leaf(0x12345, 0, Protection.ALL)).isEqualTo(0x1234_5007L);
    assertThat(format.leaf(0x200, 1, Protection.READ | Protection.EXEC)).isEqualTo(0x20_0085L);
    assertThat(format.table(0x77, 3)).isEqualTo(0x7_7007L);
    assertThat(format.leaf(0x12345, 0, 0)).isZero();
    assertThat(format.leafAllowed(2)).isTrue();
    assertThat(format.leafAllowed(3)).isFalse();
    assertThat(Ia32ePte.FIVE_LEVEL.rootLevel()).isEqualTo(4);
  }

  @Test
  void thePageAttributeBitOfALargePageIsNoPartOfItsFrame() {
    long entry = Ia32ePte.FOUR_LEVEL.leaf(0x200, 1, Protection.READ) | Ia32ePte.PAT_LARGE;
    assertThat(Ia32ePte.FOUR_LEVEL.pfn(entry, 1)).isEqualTo(0x200);
  }
}
