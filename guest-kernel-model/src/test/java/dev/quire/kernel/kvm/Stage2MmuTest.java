package dev.quire.kernel.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.quire.kernel.kvm.MemSlots.Outcome;
import dev.quire.kernel.mm.DemandAddressSpace;
import dev.quire.kernel.mm.FirstTouchFrames;
import dev.quire.kernel.mm.FirstTouchFrames.Layout;
import dev.quire.kernel.mm.HostAddressSpace;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.MmuNotifier;
import dev.quire.mmu.Access;
import dev.quire.mmu.FakePteFormat;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class Stage2MmuTest {
  private static final long HVA = 0x7f00_0000_0000L;
  private static final long MIB = 1 << 20;
  private static final int ABSENT = -1;

  private final FakePteFormat format = new FakePteFormat();
  private final HostMemory memory = new HostMemory(Arena.ofAuto().allocate(16 * MIB, 4096));
  private final FirstTouchFrames frames =
      new FirstTouchFrames(memory.arenaPages(), Layout.SEQUENTIAL, 0);
  private final MemSlots slots = new MemSlots(32764, 48);
  private final List<TlbInvalidation.GuestPhysical> invalidated = new ArrayList<>();
  private DemandAddressSpace space;
  private Stage2Mmu stage2;

  private void machine(HostPagePolicy policy) {
    space = new DemandAddressSpace(memory, frames, policy);
    stage2 = new Stage2Mmu(slots, space, memory, frames, format);
    stage2.addListener(invalidated::add);
  }

  /** A leaf found by walking the tables: its Translation, or ABSENT. */
  private long walk(long gpa) {
    long table = stage2.root();
    for (int level = format.rootLevel(); level >= 0; level--) {
      long entry = memory.readLong((table << 12) + 8L * format.index(gpa, level));
      if (!format.isPresent(entry)) {
        return ABSENT;
      }
      if (format.isLeaf(entry, level)) {
        int order = format.leafOrder(level);
        long pfn = format.pfn(entry, level) + ((gpa & Order.offsetMask(order)) >>> 12);
        return Translation.of(pfn, format.protection(entry, level), order, order);
      }
      table = format.pfn(entry, level);
    }
    throw new AssertionError("no leaf at level 0");
  }

  private void fault(long gpa, int access, int expectedOrder) {
    long result = stage2.fault(gpa, access);
    assertThat(Stage2Mmu.code(result)).isEqualTo(Stage2Mmu.MAPPED);
    assertThat(Stage2Mmu.order(result)).isEqualTo(expectedOrder);
    assertThat(Translation.order(walk(gpa))).isEqualTo(expectedOrder);
  }

  @Test
  void aFaultMapsOneBasePageAndASecondFaultThereIsSpurious() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, MIB);
    stage2.setRegion(0, 0, 0, MIB, HVA);
    fault(0x5123, Access.READ, 0);
    assertThat(walk(0x5000)).isEqualTo(space.lookup(HVA + 0x5000));
    assertThat(walk(0x4000)).isEqualTo(ABSENT);
    fault(0x5ff8, Access.WRITE | Access.USER, 0);
    Stage2Counters.Snapshot counters = stage2.counters();
    assertThat(counters.faults()).isEqualTo(2);
    assertThat(counters.spuriousFaults()).isEqualTo(1);
    assertThat(counters.leavesInstalled()[0]).isEqualTo(1);
    assertThat(counters.residentPages()).isEqualTo(1);
    assertThat(counters.tablePages()).as("one of 16 KiB, three of 4 KiB").isEqualTo(7);
    assertThat(invalidated).isEmpty();
  }

  @Test
  void addressesOutsideSlotsAreMmio() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, MIB);
    stage2.setRegion(0, 0, 0x100000, MIB, HVA);
    for (long gpa : new long[] {0, 0xfffff, 0x200000, 1L << 47, -1, Long.MIN_VALUE}) {
      assertThat(stage2.fault(gpa, Access.READ)).isEqualTo(Stage2Mmu.MMIO);
    }
    assertThat(stage2.counters().mmioExits()).isEqualTo(6);
  }

  @Test
  void aReadonlySlotIsReadAndItsWritesAreMmio() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, MIB);
    stage2.setRegion(0, MemSlots.READONLY, 0, MIB, HVA);
    assertThat(stage2.fault(0, Access.WRITE)).isEqualTo(Stage2Mmu.READONLY_MMIO);
    assertThat(walk(0)).isEqualTo(ABSENT);
    fault(0, Access.FETCH, 0);
    assertThat(Translation.rights(walk(0))).isEqualTo(Protection.READ | Protection.EXEC);
  }

  @Test
  void aHugeLeafNeedsAHugeHostPageInsideTheSlotAtACongruentAddress() {
    machine(HostPagePolicy.THP);
    space.map(HVA, 32 * MIB);
    stage2.setRegion(0, 0, 4 * MIB, 4 * MIB, HVA);
    fault(4 * MIB + 0x3000, Access.READ, 9);
    assertThat(Translation.pfn(walk(4 * MIB + 0x3000)) & 511).isEqualTo(3);
    stage2.setRegion(1, 0, 16 * MIB + 0x1000, 4 * MIB, HVA + 8 * MIB);
    fault(18 * MIB, Access.READ, 0);
    stage2.setRegion(2, 0, 32 * MIB, 2 * MIB - 0x1000, HVA + 16 * MIB);
    fault(32 * MIB, Access.READ, 0);
    assertThat(stage2.counters().leavesInstalled()[9]).isEqualTo(1);
    assertThat(stage2.counters().leavesInstalled()[0]).isEqualTo(2);
    assertThat(space.residentPages()).as("the host page is huge in each case").isEqualTo(3 * 512);
  }

  @Test
  void aTebibyteGuestAddressIsMapped() {
    machine(HostPagePolicy.THP);
    space.map(HVA, 1L << 31);
    stage2.setRegion(0, 0, 1L << 40, 1L << 31, HVA);
    fault((1L << 40) + (1L << 30) + 0x123456, Access.WRITE, 9);
    assertThat(walk(1L << 40)).isEqualTo(ABSENT);
    assertThat(walk(0)).isEqualTo(ABSENT);
  }

  @Test
  void aSlotOfSeveralTebibytesCostsOnlyWhatIsTouched() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, 1L << 40);
    assertThat(stage2.setRegion(0, 0, 0, 1L << 40, HVA)).isEqualTo(Outcome.CREATED);
    fault((1L << 40) - 1, Access.WRITE, 0);
    assertThat(stage2.fault(1L << 40, Access.WRITE)).isEqualTo(Stage2Mmu.MMIO);
  }

  @Test
  void discardedHostPagesLoseTheirLeavesBeforeTheirFramesAreReused() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, MIB);
    stage2.setRegion(0, 0, 0x100000, MIB, HVA);
    fault(0x101000, Access.WRITE, 0);
    fault(0x102000, Access.WRITE, 0);
    long[] freeDuringCallback = new long[1];
    stage2.addListener(range -> freeDuringCallback[0] = frames.freePages());
    long freeBefore = frames.freePages();
    space.discard(HVA + 0x1000, 0x1000);
    assertThat(freeDuringCallback[0]).isEqualTo(freeBefore);
    assertThat(walk(0x101000)).isEqualTo(ABSENT);
    assertThat(walk(0x102000)).isNotEqualTo(ABSENT);
    assertThat(invalidated).containsExactly(new TlbInvalidation.GuestPhysical(0x101000, 0x1000));
    fault(0x101000, Access.WRITE, 0);
    assertThat(walk(0x101000)).isEqualTo(space.lookup(HVA + 0x1000));
  }

  @Test
  void hostPagesSeenThroughTwoSlotsGoFromBoth() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, MIB);
    stage2.setRegion(0, 0, 0, 0x8000, HVA);
    stage2.setRegion(1, 0, 0x100000, 0x8000, HVA);
    fault(0x3000, Access.WRITE, 0);
    fault(0x103000, Access.WRITE, 0);
    assertThat(walk(0x3000)).isEqualTo(walk(0x103000));
    space.discard(HVA, MIB);
    assertThat(walk(0x3000)).isEqualTo(ABSENT);
    assertThat(walk(0x103000)).isEqualTo(ABSENT);
    assertThat(stage2.counters().leavesRemoved()).isEqualTo(2);
  }

  @Test
  void deletingASlotGivesBackItsTablesAndKeepsTheHostsPages() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, 64 * MIB);
    stage2.setRegion(0, 0, 1L << 30, 64 * MIB, HVA);
    fault((1L << 30) + 0x3000, Access.WRITE, 0);
    long host = space.lookup(HVA + 0x3000);
    assertThat(stage2.counters().tablePages()).isEqualTo(7);
    stage2.setRegion(0, 0, 0, 0, 0);
    assertThat(walk((1L << 30) + 0x3000)).isEqualTo(ABSENT);
    assertThat(stage2.counters().tablePages()).as("without the lowest table").isEqualTo(6);
    assertThat(space.lookup(HVA + 0x3000)).isEqualTo(host);
    stage2.setRegion(5, 0, 0x200000, 64 * MIB, HVA);
    fault(0x203000, Access.READ, 0);
    assertThat(walk(0x203000)).isEqualTo(host);
  }

  @Test
  void aRefusedChangeLeavesTheEntriesAlone() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, MIB);
    stage2.setRegion(0, 0, 0, MIB, HVA);
    fault(0, Access.WRITE, 0);
    assertThat(stage2.setRegion(0, MemSlots.READONLY, 0, MIB, HVA)).isEqualTo(Outcome.INVALID);
    assertThat(stage2.setRegion(1, 0, 0, MIB, HVA)).isEqualTo(Outcome.OVERLAP);
    assertThat(walk(0)).isNotEqualTo(ABSENT);
    assertThat(invalidated).isEmpty();
  }

  @Test
  void aHugeLeafReplacesATableOfSmallOnesAndIsReplacedAgain() {
    machine(HostPagePolicy.THP);
    space.map(HVA, 8 * MIB);
    stage2.setRegion(0, MemSlots.LOG_DIRTY_PAGES, 0, 8 * MIB, HVA);
    fault(0x1000, Access.READ, 0);
    fault(0x2000, Access.WRITE, 0);
    stage2.setRegion(0, 0, 0, 8 * MIB, HVA);
    assertThat(walk(0x1000)).isEqualTo(ABSENT);
    fault(0x1000, Access.READ, 9);
    assertThat(walk(0x1ff000)).isEqualTo(space.lookup(HVA + 0x1ff000));
    stage2.setRegion(0, MemSlots.LOG_DIRTY_PAGES, 0, 8 * MIB, HVA);
    fault(0x1000, Access.READ, 0);
    assertThat(walk(0x2000)).isEqualTo(ABSENT);
  }

  @Test
  void aMissingSlotOrFlagMakesNoDirtyLog() {
    machine(HostPagePolicy.BASE);
    assertThatThrownBy(() -> stage2.dirtyLogs().take(0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void writesAreLoggedOnceAndWriteProtectedByTakingTheLog() {
    machine(HostPagePolicy.THP);
    space.map(HVA, 2 * MIB);
    stage2.setRegion(4, MemSlots.LOG_DIRTY_PAGES, 0, 2 * MIB, HVA);
    fault(0x3000, Access.READ, 0);
    assertThat(Translation.rights(walk(0x3000))).isEqualTo(Protection.READ | Protection.EXEC);
    fault(0x3000, Access.WRITE, 0);
    fault(0x41000, Access.WRITE, 0);
    new GuestPhysicalView(slots, space, memory).writeValue(0x80000, 4, 1);
    long[] log = stage2.dirtyLogs().take(4);
    assertThat(log[0]).isEqualTo(1L << 3);
    assertThat(log[1]).isEqualTo(1L << 1);
    assertThat(log[2]).isEqualTo(1);
    assertThat(Translation.rights(walk(0x3000)) & Protection.WRITE).isZero();
    assertThat(invalidated).isNotEmpty();
    assertThat(stage2.dirtyLogs().take(4)).containsOnly(0);
    fault(0x3000, Access.WRITE, 0);
    assertThat(Translation.rights(walk(0x3000))).isEqualTo(Protection.ALL);
    assertThat(stage2.dirtyLogs().take(4)[0]).isEqualTo(1L << 3);
  }

  @Test
  void runningOutOfHostMemoryIsAResultNotAnException() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, 64 * MIB);
    stage2.setRegion(0, 0, 0, 64 * MIB, HVA);
    int mapped = 0;
    long result = Stage2Mmu.MAPPED;
    for (long gpa = 0; Stage2Mmu.code(result) == Stage2Mmu.MAPPED; gpa += 4096) {
      result = stage2.fault(gpa, Access.WRITE);
      mapped++;
    }
    assertThat(result).isEqualTo(Stage2Mmu.OUT_OF_MEMORY);
    assertThat(mapped).isGreaterThan(4000);
    assertThat(frames.freePages()).isZero();
    space.discard(HVA, 4096);
    assertThat(Stage2Mmu.code(stage2.fault(0, Access.WRITE))).isEqualTo(Stage2Mmu.MAPPED);
  }

  @Test
  void aTableThatDoesNotFitIsOutOfMemoryToo() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, MIB);
    stage2.setRegion(0, 0, 0, MIB, HVA);
    long left = frames.freePages();
    for (long i = 0; i < left - 2; i++) {
      frames.allocate(0);
    }
    assertThat(stage2.fault(0, Access.WRITE)).isEqualTo(Stage2Mmu.OUT_OF_MEMORY);
  }

  @Test
  void aSlotOverUnmappedHostMemoryIsABadHostAddress() {
    machine(HostPagePolicy.BASE);
    stage2.setRegion(0, 0, 0, MIB, HVA);
    assertThat(stage2.fault(0, Access.READ)).isEqualTo(Stage2Mmu.BAD_HOST_ADDRESS);
  }

  @Test
  void aClosedVmGivesItsTablesBackAndHearsNothingMore() {
    space = new DemandAddressSpace(memory, frames, HostPagePolicy.BASE);
    space.map(HVA, 4 * MIB);
    long before = frames.freePages();
    stage2 = new Stage2Mmu(slots, space, memory, frames, format);
    stage2.setRegion(0, 0, 0, MIB, HVA);
    stage2.setRegion(3, 0, 512 * MIB, MIB, HVA + MIB);
    fault(0x5000, Access.WRITE, 0);
    fault(512 * MIB, Access.WRITE, 0);
    stage2.addListener(invalidated::add);
    stage2.close();
    assertThat(slots.count()).isZero();
    assertThat(frames.freePages()).isEqualTo(before - 2);
    space.discard(HVA, 4 * MIB);
    assertThat(frames.freePages()).isEqualTo(before);
    assertThat(invalidated).isEmpty();
  }

  /** A host whose answers the test chooses. */
  private static class ScriptedSpace implements HostAddressSpace {
    private MmuNotifier notifier;
    private long answer;

    @Override
    public long fault(long hva, boolean write) {
      return answer;
    }

    @Override
    public long lookup(long hva) {
      return answer;
    }

    @Override
    public long residentPages() {
      return 0;
    }

    @Override
    public void addNotifier(MmuNotifier added) {
      notifier = added;
    }

    @Override
    public void removeNotifier(MmuNotifier removed) {
      notifier = null;
    }
  }

  private void machine(ScriptedSpace host) {
    stage2 = new Stage2Mmu(slots, host, memory, frames, format);
    stage2.addListener(invalidated::add);
    stage2.setRegion(0, 0, 0, 4 * MIB, HVA);
  }

  @Test
  void aMappingThatGoesDuringAFaultIsNotInstalled() {
    ScriptedSpace racing =
        new ScriptedSpace() {
          private int calls;

          @Override
          public long fault(long hva, boolean write) {
            if (calls++ == 0) {
              super.notifier.invalidateStart(hva, 4096);
              super.notifier.invalidateEnd(hva, 4096);
            }
            return Translation.of(100 + calls, Protection.ALL, 0, 0);
          }
        };
    machine(racing);
    assertThat(stage2.fault(0, Access.READ)).isEqualTo(Stage2Mmu.RETRY);
    assertThat(walk(0)).isEqualTo(ABSENT);
    assertThat(Stage2Mmu.code(stage2.fault(0, Access.READ))).isEqualTo(Stage2Mmu.MAPPED);
    assertThat(Translation.pfn(walk(0))).isEqualTo(102);
    assertThat(stage2.counters().retries()).isEqualTo(1);
  }

  @Test
  void nothingIsInstalledWhileAnInvalidationIsInProgress() {
    ScriptedSpace host = new ScriptedSpace();
    machine(host);
    host.answer = Translation.of(7, Protection.ALL, 0, 0);
    host.notifier.invalidateStart(HVA, 4096);
    assertThat(stage2.fault(0, Access.READ)).isEqualTo(Stage2Mmu.RETRY);
    host.notifier.invalidateEnd(HVA, 4096);
    fault(0, Access.READ, 0);
  }

  @Test
  void aLargeHostPageReplacesSmallLeavesWithoutLosingTrackOfThem() {
    ScriptedSpace host = new ScriptedSpace();
    machine(host);
    host.answer = Translation.of(0x403, Protection.ALL, 0, 0);
    fault(0x3000, Access.READ, 0);
    long tables = stage2.counters().tablePages();
    host.answer = Translation.of(0x604, Protection.ALL, 9, 9);
    fault(0x4000, Access.READ, 9);
    assertThat(Translation.pfn(walk(0x3000))).isEqualTo(0x603);
    assertThat(stage2.counters().leavesRemoved()).isEqualTo(1);
    assertThat(stage2.counters().tablePages()).isEqualTo(tables - 1);
    assertThat(invalidated).containsExactly(new TlbInvalidation.GuestPhysical(0, 2 * MIB));
    host.answer = Translation.of(0x403, Protection.READ, 0, 0);
    assertThat(stage2.fault(0x3000, Access.READ)).as("a larger leaf is there").isZero();
    assertThat(Translation.pfn(walk(0x3000))).isEqualTo(0x403);
    assertThat(walk(0x4000)).isEqualTo(ABSENT);
  }

  @Test
  void aChangedFrameOrRightReplacesTheLeaf() {
    ScriptedSpace host = new ScriptedSpace();
    machine(host);
    host.answer = Translation.of(0x403, Protection.READ, 0, 0);
    fault(0x3000, Access.READ, 0);
    host.answer = Translation.of(0x403, Protection.READ | Protection.WRITE, 0, 0);
    fault(0x3000, Access.WRITE, 0);
    assertThat(Translation.rights(walk(0x3000))).isEqualTo(Protection.READ | Protection.WRITE);
    assertThat(invalidated).as("more rights need no invalidation").isEmpty();
    host.answer = Translation.of(0x503, Protection.READ, 0, 0);
    fault(0x3000, Access.READ, 0);
    assertThat(Translation.pfn(walk(0x3000))).isEqualTo(0x503);
    assertThat(invalidated).containsExactly(new TlbInvalidation.GuestPhysical(0x3000, 0x1000));
  }

  @Test
  void aTableWithoutLeavesIsInvalidatedTooBeforeItsFrameIsReused() {
    machine(HostPagePolicy.BASE);
    space.map(HVA, 4 * MIB);
    stage2.setRegion(0, 0, 0, 4 * MIB, HVA);
    fault(0x3000, Access.READ, 0);
    stage2.unmap(3, 1);
    invalidated.clear();
    stage2.setRegion(0, 0, 0, 0, 0);
    assertThat(stage2.counters().tablePages()).isEqualTo(6);
    assertThat(invalidated)
        .as("walk caches may still point to the table")
        .containsExactly(new TlbInvalidation.GuestPhysical(0, 2 * MIB));
  }

  @Test
  void aFaultOnAPresentPageAllocatesNothing() {
    machine(HostPagePolicy.THP);
    space.map(HVA, 8 * MIB);
    stage2.setRegion(0, 0, 0, 4 * MIB, HVA);
    stage2.setRegion(1, 0, 8 * MIB, 4 * MIB, HVA + 4 * MIB);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long allocated = Long.MAX_VALUE;
    for (int round = 0; round < 4; round++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 50_000; i++) {
        stage2.fault((i & 1) * 8 * MIB + (i & 0xfff) * 64L, Access.WRITE);
      }
      allocated = threads.getCurrentThreadAllocatedBytes() - before;
    }
    assertThat(allocated).as("of 50,000 faults").isLessThan(2000);
  }

  @Test
  void guestAddressesWiderThanTheTablesAreRefusedAtOnce() {
    assertThatThrownBy(
            () ->
                new Stage2Mmu(
                    new MemSlots(8, 52),
                    new DemandAddressSpace(memory, frames, HostPagePolicy.BASE),
                    memory,
                    frames,
                    format))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("do not fit");
  }
}
