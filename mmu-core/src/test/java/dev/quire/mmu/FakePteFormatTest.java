package dev.quire.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FakePteFormatTest extends PteFormatContract {
  private final FakePteFormat format = new FakePteFormat();

  @Override
  protected PteFormat format() {
    return format;
  }

  @Override
  protected int physicalBits() {
    return 52;
  }

  @Test
  void theSameMappingLooksDifferentAtEachLevel() {
    long base = format.leaf(1L << 18, 0, Protection.READ);
    assertThat(base).isNotEqualTo(format.leaf(1L << 18, 1, Protection.READ));
    assertThat(format.isAccessed(base)).isFalse();
    assertThat(format.isDirty(format.touched(base, true))).isTrue();
    assertThat(format.pfn(format.touched(base, true), 0)).isEqualTo(1L << 18);
  }
}
