package dev.quire.kernel.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.GuestBacking;
import dev.quire.kernel.mm.HostAddressSpace;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.MmuNotifier;
import dev.quire.mmu.Access;
import dev.quire.mmu.FakePteFormat;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

/**
 * KVM_PRE_FAULT_MEMORY; refusals are those of a Linux 6.18.44, progress that of Linux v6.18
 * virt/kvm/kvm_main.c and arch/x86/kvm/mmu/mmu.c.
 */
class PreFaultTest {
  private static final long HVA = 0x7f00_0000_0000L;
  private static final long MIB = 1 << 20;

  private final HostMemory memory = new HostMemory(Arena.ofAuto().allocate(64 * MIB, 4096));
  private GuestBacking space;
  private FrameAllocator frames;
  private Stage2Mmu vm;

  private void host(String policy) {
    TestHost host = TestHost.kernel(memory, HostPagePolicy.parse(policy));
    space = host.space();
    frames = host.frames();
    space.map(HVA, 8 * MIB);
    vm = new Stage2Mmu(new MemSlots(8, 48), space, memory, frames, new FakePteFormat());
    vm.setRegion(0, 0, 0, 8 * MIB, HVA);
  }

  @Test
  void eachPageIsMappedAndTheRangeUsedUp() {
    host("4k");
    assertThat(vm.preFault(0x3000, 0x5000, 0)).isEqualTo(new PreFault(0, 0x8000, 0, 0x5000));
    assertThat(vm.counters().leavesInstalled()[0]).isEqualTo(5);
    assertThat(vm.counters().faults()).as("of vCPUs").isZero();
    assertThat(vm.counters().preFaults()).isEqualTo(5);
  }

  @Test
  void aHugePageIsOneStepHoweverMuchOfItIsInTheRange() {
    host("thp");
    vm.fault(0, Access.WRITE);
    vm.fault(2 * MIB, Access.WRITE);
    vm.unmap(0, 2048);
    PreFault done = vm.preFault(MIB, 2 * MIB, 0);
    assertThat(done).isEqualTo(new PreFault(0, 3 * MIB, 0, 2 * MIB));
    assertThat(vm.counters().preFaults()).isEqualTo(2);
    assertThat(vm.counters().leavesInstalled()[9]).isEqualTo(4);
  }

  @Test
  void itReadsAndSoLeavesCopiesForTheWrite() {
    host("4k");
    vm.preFault(0, 0x2000, 0);
    assertThat(Translation.rights(space.lookup(HVA)) & Protection.WRITE).as("zero page").isZero();
    assertThat(space.residentPages()).isZero();
  }

  @Test
  void whatEndsAtTheSlotIsPartialSuccess() {
    host("4k");
    assertThat(vm.preFault(8 * MIB - 0x2000, 0x5000, 0))
        .isEqualTo(new PreFault(0, 8 * MIB, 0x3000, 0x2000));
    assertThat(vm.preFault(8 * MIB, 0x3000, 0))
        .isEqualTo(new PreFault(-Errno.ENOENT, 8 * MIB, 0x3000, 0));
  }

  @Test
  void badRangesAreRefusedAndLeftAsTheyAre() {
    host("4k");
    long[][] bad = {{1, 0x1000, 0}, {0, 1, 0}, {0, 0, 0}, {0, 0x1000, 1}, {-0x1000, 0x1000, 0}};
    for (long[] range : bad) {
      assertThat(vm.preFault(range[0], range[1], range[2]))
          .isEqualTo(new PreFault(-Errno.EINVAL, range[0], range[1], 0));
    }
    vm.withoutTwoDimensionalPaging();
    assertThat(vm.preFault(0, 0x1000, 0)).isEqualTo(new PreFault(-Errno.EOPNOTSUPP, 0, 0x1000, 0));
    assertThat(vm.preFault(0, 1, 0).result()).as("checked first").isEqualTo(-Errno.EINVAL);
  }

  @Test
  void nothingBehindTheSlotIsABadAddress() {
    host("4k");
    vm.setRegion(1, 0, 16 * MIB, MIB, HVA + 64 * MIB);
    assertThat(vm.preFault(16 * MIB, 0x1000, 0).result()).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void aPageThatWaitsForUserSpaceStopsTheCallUntilItCanGoOn() {
    host("4k");
    WaitsOnce waits = new WaitsOnce(space, HVA + 0x2000);
    vm = new Stage2Mmu(new MemSlots(8, 48), waits, memory, frames, new FakePteFormat());
    vm.setRegion(0, 0, 0, 8 * MIB, HVA);
    PreFault soFar = vm.preFault(0, 0x4000, 0);
    assertThat(soFar).isEqualTo(new PreFault(PreFault.MUST_WAIT, 0x2000, 0x2000, 0x2000));
    assertThat(soFar.mustWait()).isTrue();
    assertThat(vm.preFault(soFar).mustWait()).as("nobody answered").isTrue();
    waits.resolved = true;
    assertThat(vm.preFault(soFar)).isEqualTo(new PreFault(0, 0x4000, 0, 0x4000));
    waits.resolved = false;
    assertThat(vm.fault(0x2000, Access.READ)).isEqualTo(Stage2Mmu.WAIT);
    assertThat(vm.counters().faults()).isEqualTo(1);
    waits.resolved = true;
    assertThat(Stage2Mmu.code(vm.resume(0x2000, Access.READ))).isEqualTo(Stage2Mmu.MAPPED);
    assertThat(vm.counters().faults()).as("it is one fault").isEqualTo(1);
    assertThat(vm.counters().waits()).isEqualTo(3);
  }

  /** A host whose user space has to resolve one page. */
  private static final class WaitsOnce implements HostAddressSpace {
    private final HostAddressSpace below;
    private final long hva;
    private boolean resolved;

    WaitsOnce(HostAddressSpace below, long hva) {
      this.below = below;
      this.hva = hva;
    }

    @Override
    public long fault(long at, boolean write) {
      return at == hva && !resolved ? Translation.failure(MUST_WAIT) : below.fault(at, write);
    }

    @Override
    public long lookup(long at) {
      return below.lookup(at);
    }

    @Override
    public long residentPages() {
      return below.residentPages();
    }

    @Override
    public void addNotifier(MmuNotifier notifier) {
      below.addNotifier(notifier);
    }

    @Override
    public void removeNotifier(MmuNotifier notifier) {
      below.removeNotifier(notifier);
    }
  }
}
