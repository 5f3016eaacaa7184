package dev.quire.kernel.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.DemandAddressSpace;
import dev.quire.kernel.mm.FirstTouchFrames;
import dev.quire.kernel.mm.FirstTouchFrames.Layout;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.mmu.Access;
import dev.quire.mmu.FakePteFormat;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

/** The what-if of contiguous leaves; groups of the fake format are 8 pages. */
class Stage2ContiguousLeavesTest {
  private static final long HVA = 0x7f00_0000_0000L;
  private static final long MIB = 1 << 20;
  private static final long ABSENT = 0;

  private final FakePteFormat format = new FakePteFormat();
  private final HostMemory memory = new HostMemory(Arena.ofAuto().allocate(16 * MIB, 4096));
  private final FirstTouchFrames frames =
      new FirstTouchFrames(memory.arenaPages(), Layout.SHUFFLED, 4);
  private final MemSlots slots = new MemSlots(32764, 48);
  private DemandAddressSpace space;
  private Stage2Mmu stage2;

  private void machine(String policy, boolean contiguous) {
    space = new DemandAddressSpace(memory, frames, HostPagePolicy.parse(policy));
    stage2 = new Stage2Mmu(slots, space, memory, frames, format, contiguous);
    space.map(HVA, 4 * MIB);
  }

  /** The base leaf of {@code gpa}, or ABSENT. */
  private long leaf(long gpa) {
    long table = stage2.root();
    for (int level = format.rootLevel(); level > 0; level--) {
      long entry = memory.readLong((table << 12) + 8L * format.index(gpa, level));
      if (!format.isPresent(entry)) {
        return ABSENT;
      }
      assertThat(format.isLeaf(entry, level)).isFalse();
      table = format.pfn(entry, level);
    }
    long entry = memory.readLong((table << 12) + 8L * format.index(gpa, 0));
    return format.isPresent(entry) ? entry : ABSENT;
  }

  @Test
  void oneFaultInstallsTheWholeGroupAndNothingElse() {
    machine("mthp-64k", true);
    stage2.setRegion(0, 0, 0, 4 * MIB, HVA);
    stage2.fault(0xb000, Access.READ);
    long first = format.pfn(leaf(0x8000), 0);
    assertThat(first & 7).isZero();
    for (int page = 8; page < 16; page++) {
      assertThat(format.isContiguous(leaf(page * 0x1000L))).isTrue();
      assertThat(format.pfn(leaf(page * 0x1000L), 0)).isEqualTo(first + page - 8);
    }
    assertThat(leaf(0x7000))
        .as("the folio's other group waits for its own fault")
        .isEqualTo(ABSENT);
    assertThat(stage2.counters().leavesInstalled()[0]).isEqualTo(8);
  }

  @Test
  void withoutTheWhatIfLinuxSetsNoContiguousBit() {
    machine("mthp-64k", false);
    stage2.setRegion(0, 0, 0, 4 * MIB, HVA);
    stage2.fault(0xb000, Access.READ);
    assertThat(format.isContiguous(leaf(0xb000))).isFalse();
    assertThat(leaf(0xa000)).isEqualTo(ABSENT);
  }

  @Test
  void aFolioTooSmallForAGroupOrASlotThatCutsItGivesPlainLeaves() {
    machine("mthp-16k", true);
    stage2.setRegion(0, 0, 0, MIB, HVA);
    stage2.fault(0, Access.READ);
    assertThat(format.isContiguous(leaf(0))).isFalse();
    machine("mthp-64k", true);
    stage2.setRegion(0, 0, 0, 0, 0);
    stage2.setRegion(1, 0, 0x1000, 0x7000, HVA + 0x1000);
    stage2.fault(0x2000, Access.READ);
    assertThat(format.isContiguous(leaf(0x2000))).isFalse();
    stage2.setRegion(2, 0, MIB + 0x1000, MIB, HVA);
    stage2.fault(MIB + 0x9000, Access.READ);
    assertThat(format.isContiguous(leaf(MIB + 0x9000))).as("not congruent").isFalse();
  }

  @Test
  void removingOneMemberRemovesTheGroup() {
    machine("mthp-64k", true);
    stage2.setRegion(0, 0, 0, 4 * MIB, HVA);
    stage2.fault(0, Access.WRITE);
    stage2.fault(0x8000, Access.WRITE);
    space.discard(HVA + 0x3000, 0x1000);
    for (int page = 0; page < 8; page++) {
      assertThat(leaf(page * 0x1000L)).isEqualTo(ABSENT);
    }
    assertThat(format.isContiguous(leaf(0x8000))).isTrue();
  }

  @Test
  void dirtyLoggingTakesTheGroupsAway() {
    machine("mthp-64k", true);
    stage2.setRegion(0, 0, 0, 4 * MIB, HVA);
    stage2.fault(0, Access.WRITE);
    stage2.setRegion(0, MemSlots.LOG_DIRTY_PAGES, 0, 4 * MIB, HVA);
    assertThat(leaf(0)).isEqualTo(ABSENT);
    stage2.fault(0, Access.WRITE);
    assertThat(format.isContiguous(leaf(0))).isFalse();
    assertThat(leaf(0x1000)).isEqualTo(ABSENT);
  }
}
