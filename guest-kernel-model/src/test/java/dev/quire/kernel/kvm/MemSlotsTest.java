package dev.quire.kernel.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.kvm.MemSlots.Outcome;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Expectations are those of a Linux 6.18 KVM asked the same. */
class MemSlotsTest {
  private static final long HVA = 0x7f00_0000_0000L;
  private final MemSlots slots = new MemSlots(32764, 52);

  @Test
  void aSlotCanBeSetAgainMovedAndDeleted() {
    assertThat(slots.set(1, 0, 0x100000, 0x4000, HVA)).isEqualTo(Outcome.CREATED);
    assertThat(slots.set(1, 0, 0x100000, 0x4000, HVA)).isEqualTo(Outcome.UNCHANGED);
    assertThat(slots.set(1, 0, 0x102000, 0x4000, HVA)).isEqualTo(Outcome.MOVED);
    assertThat(slots.set(1, 1, 0x200000, 0x4000, HVA)).isEqualTo(Outcome.MOVED);
    assertThat(slots.set(1, 0, 0x200000, 0x4000, HVA)).isEqualTo(Outcome.FLAGS_CHANGED);
    assertThat(slots.set(1, 1, 0x500000, 0, HVA + 4096)).isEqualTo(Outcome.DELETED);
    assertThat(slots.set(1, 0, 0, 0, 0)).isEqualTo(Outcome.INVALID);
    assertThat(slots.count()).isZero();
  }

  @Test
  void sizeReadOnlyFlagAndHostAddressOfASlotAreFixed() {
    slots.set(1, 0, 0x100000, 0x4000, HVA);
    assertThat(slots.set(1, 0, 0x100000, 0x8000, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(1, 2, 0x100000, 0x4000, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(1, 0, 0x100000, 0x4000, HVA + 4096)).isEqualTo(Outcome.INVALID);
    slots.set(2, 2, 0x200000, 0x4000, HVA);
    assertThat(slots.set(2, 0, 0x200000, 0x4000, HVA)).isEqualTo(Outcome.INVALID);
  }

  @Test
  void slotsMayNotOverlapInGuestAddressesButMayInHostAddresses() {
    slots.set(1, 0, 0x100000, 0x4000, HVA);
    assertThat(slots.set(2, 0, 0x103000, 0x1000, HVA)).isEqualTo(Outcome.OVERLAP);
    assertThat(slots.set(2, 0, 0xff000, 0x2000, HVA)).isEqualTo(Outcome.OVERLAP);
    assertThat(slots.set(2, 0, 0x104000, 0x1000, HVA)).isEqualTo(Outcome.CREATED);
    assertThat(slots.set(2, 0, 0x103000, 0x1000, HVA)).isEqualTo(Outcome.OVERLAP);
    assertThat(slots.byId(2).baseGfn()).isEqualTo(0x104);
  }

  @Test
  void badArgumentsAreInvalid() {
    assertThat(slots.set(1, 0, 1, 0x1000, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(1, 0, 0, 0x64, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(1, 0, 0, 0x1000, HVA + 1)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(32764, 0, 0, 0x1000, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(65537, 0, 0, 0x1000, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(-1, 0, 0, 0x1000, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(1, 4, 0, 0x1000, HVA)).isEqualTo(Outcome.NO_FILE);
    assertThat(slots.set(1, 1 << 31, 0, 0x1000, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(1, 0, 0x10000000000000L, 0x1000, HVA)).isEqualTo(Outcome.OUT_OF_RANGE);
    assertThat(slots.set(1, 0, -4096, 0x1000, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(1, 0, -4096, 0x2000, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(1, 0, 0, 0x100000000000L, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.set(1, 0, 0, -4096, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(slots.count()).isZero();
    assertThat(slots.set(1, 0, 0x8000000000000L, 0x1000, 0)).isEqualTo(Outcome.CREATED);
    assertThat(slots.set(32763, 0, 0x100000000L, 0x1000, HVA)).isEqualTo(Outcome.CREATED);
  }

  @Test
  void lookUpAgreesWithAScanOfAllSlots() {
    Random random = new Random(5);
    for (int step = 0; step < 3000; step++) {
      int id = random.nextInt(12);
      long gpa = (long) random.nextInt(64) << 12;
      slots.set(id, 0, gpa, random.nextInt(8) * 4096L, HVA + id * 0x10000L);
      for (int probe = 0; probe < 10; probe++) {
        long gfn = random.nextInt(80) - 4L;
        MemSlot expected = null;
        for (int i = 0; i < slots.count(); i++) {
          MemSlot slot = slots.at(i);
          if (gfn >= slot.baseGfn() && gfn < slot.baseGfn() + slot.pages()) {
            expected = slot;
          }
        }
        assertThat(slots.find(gfn)).isSameAs(expected);
      }
    }
    assertThat(slots.find(-1)).isNull();
    assertThat(slots.find(Long.MIN_VALUE)).isNull();
  }

  @Test
  void hostAddressesFollowGuestAddressesWithinASlot() {
    slots.set(3, 0, 1L << 40, 0x4000, HVA);
    MemSlot slot = slots.find((1L << 28) + 2);
    assertThat(slot.hvaOf((1L << 28) + 2)).isEqualTo(HVA + 0x2000);
    assertThat(slots.find((1L << 28) + 4)).isNull();
  }
}
