package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.KernelPteFormatContract;
import dev.quire.mmu.Protection;
import org.junit.jupiter.api.Test;

class LinuxX86PteTest extends KernelPteFormatContract {
  private final KernelPteFormat format = new LinuxX86Pte(Ia32ePte.FOUR_LEVEL);

  @Override
  protected KernelPteFormat format() {
    return format;
  }

  @Test
  void bitsAreLinuxs() {
    int readWrite = Protection.READ | Protection.WRITE;
    assertThat(format.dirty(format.leaf(0x12345, 0, readWrite))).isEqualTo(0x8000_0000_1234_5067L);
    assertThat(format.leaf(0x200, 1, 0)).isEqualTo(0x8000_0000_0020_01a4L);
    assertThat(format.special(format.leaf(1, 0, Protection.READ)))
        .isEqualTo(0x8000_0000_0000_1225L);
  }
}
