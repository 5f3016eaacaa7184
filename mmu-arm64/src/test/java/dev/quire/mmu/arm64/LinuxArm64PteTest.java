package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.KernelPteFormatContract;
import dev.quire.mmu.Protection;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class LinuxArm64PteTest {
  @Nested
  class Base4K extends KernelPteFormatContract {
    @Override
    protected KernelPteFormat format() {
      return new LinuxArm64Pte(Granule.SIZE_4K, 48);
    }
  }

  @Nested
  class Base16K extends KernelPteFormatContract {
    @Override
    protected KernelPteFormat format() {
      return new LinuxArm64Pte(Granule.SIZE_16K, 47);
    }
  }

  @Nested
  class Base64K extends KernelPteFormatContract {
    @Override
    protected KernelPteFormat format() {
      return new LinuxArm64Pte(Granule.SIZE_64K, 48);
    }
  }

  @Test
  void aWritableCleanPageIsReadOnlyToHardwareUntilItsFirstWrite() {
    KernelPteFormat format = new LinuxArm64Pte(Granule.SIZE_4K, 48);
    long entry = format.leaf(5, 0, Protection.READ | Protection.WRITE);
    assertThat(entry & VmsaDescriptor.AP_READ_ONLY).isNotZero();
    assertThat(format.dirty(entry) & VmsaDescriptor.AP_READ_ONLY).isZero();
    assertThat(format.isDirty(entry & ~VmsaDescriptor.AP_READ_ONLY))
        .as("hardware set it dirty")
        .isTrue();
  }
}
