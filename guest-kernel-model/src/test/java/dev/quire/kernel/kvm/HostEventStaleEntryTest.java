package dev.quire.kernel.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.GuestBacking;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostMemoryEvents;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.mmu.Access;
import dev.quire.mmu.FakePteFormat;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/**
 * After each host event the second stage has no entry left of before, and every vCPU was told of
 * the whole range; the bytes are still there.
 */
class HostEventStaleEntryTest {
  private static final long HVA = 0x7f00_0000_0000L;
  private static final long MIB = 1 << 20;
  private static final long MARK = 0x1122334455667788L;

  private final FakePteFormat format = new FakePteFormat();
  private HostMemory memory;
  private final List<TlbInvalidation.GuestPhysical> heard = new ArrayList<>();
  private GuestBacking space;
  private Stage2Mmu stage2;

  private void host(String policy) {
    HostPagePolicy pages = HostPagePolicy.parse(policy);
    memory = new HostMemory(Arena.ofAuto().allocate(64 * MIB, 4096));
    TestHost host = TestHost.kernel(memory, pages);
    space = host.space();
    space.map(HVA, 4 * MIB);
    stage2 = new Stage2Mmu(new MemSlots(8, 48), space, memory, host.frames(), format);
    stage2.setRegion(0, 0, 0, 4 * MIB, HVA);
    stage2.addListener(heard::add);
  }

  /** Writes a mark through the second stage, lets the host do it, and looks for what is left. */
  private void isGoneAfter(Predicate<HostMemoryEvents> event, long firstGpa, long bytes) {
    long gpa = 0x5000;
    touch(gpa, true);
    memory.writeLong(pa(gpa), MARK);
    heard.clear();
    assertThat(event.test(space)).isTrue();
    assertThat(leaf(gpa)).as("second-stage entry").isZero();
    assertThat(heard)
        .anySatisfy(
            range -> {
              assertThat(range.gpa()).isLessThanOrEqualTo(firstGpa);
              assertThat(range.gpa() + range.bytes()).isGreaterThanOrEqualTo(firstGpa + bytes);
            });
    touch(gpa, false);
    assertThat(memory.readLong(pa(gpa))).isEqualTo(MARK);
  }

  private void touch(long gpa, boolean write) {
    long result;
    do {
      result = stage2.fault(gpa, write ? Access.WRITE : Access.READ);
    } while (result == Stage2Mmu.RETRY);
    assertThat(Stage2Mmu.code(result)).isEqualTo(Stage2Mmu.MAPPED);
  }

  private long pa(long gpa) {
    int order = format.leafOrder(level(gpa));
    return (format.pfn(leaf(gpa), level(gpa)) << 12) + (gpa & Order.offsetMask(order));
  }

  private int level(long gpa) {
    long table = stage2.root();
    for (int level = format.rootLevel(); ; level--) {
      long entry = memory.readLong((table << 12) + 8L * format.index(gpa, level));
      if (!format.isPresent(entry) || format.isLeaf(entry, level)) {
        return level;
      }
      table = format.pfn(entry, level);
    }
  }

  /** The leaf of {@code gpa}, or 0. */
  private long leaf(long gpa) {
    long table = stage2.root();
    for (int level = format.rootLevel(); ; level--) {
      long entry = memory.readLong((table << 12) + 8L * format.index(gpa, level));
      if (!format.isPresent(entry)) {
        return 0;
      }
      if (format.isLeaf(entry, level)) {
        return entry;
      }
      table = format.pfn(entry, level);
    }
  }

  @Test
  void unmap() {
    host("mthp-64k");
    isGoneAfter(host -> host.unmap(HVA + 0x5000, 4096), 0x5000, 4096);
    assertThat(space.unmap(HVA + MIB, MIB)).as("nothing is there").isFalse();
  }

  @Test
  void writeProtectAndTheCopyOfTheNextWrite() {
    host("4k");
    isGoneAfter(host -> host.writeProtect(HVA + 0x5000, 4096), 0x5000, 4096);
    long shared = pa(0x5000);
    assertThat(format.protection(leaf(0x5000), 0) & Protection.WRITE).isZero();
    heard.clear();
    assertThat(stage2.fault(0x5000, Access.WRITE)).isEqualTo(Stage2Mmu.RETRY);
    assertThat(heard).as("the entry of the shared page").hasSize(1);
    touch(0x5000, true);
    assertThat(pa(0x5000)).isNotEqualTo(shared);
    assertThat(memory.readLong(pa(0x5000))).isEqualTo(MARK);
  }

  @Test
  void sharedMemoryIsNotCopiedOnWrite() {
    host("shmem");
    isGoneAfter(host -> host.writeProtect(HVA + 0x5000, 4096), 0x5000, 4096);
    long shared = pa(0x5000);
    touch(0x5000, true);
    assertThat(pa(0x5000)).isEqualTo(shared);
  }

  @Test
  void splitOfAMapping() {
    host("thp");
    isGoneAfter(host -> host.splitMapping(HVA + 0x5000), 0, 2 * MIB);
    assertThat(level(0x5000)).isZero();
    assertThat(space.splitMapping(HVA)).as("it is split").isFalse();
    assertThat(space.split(HVA)).as("the folio is whole").isTrue();
  }

  @Test
  void splitOfAFolio() {
    host("mthp-64k");
    isGoneAfter(host -> host.split(HVA + 0x5000), 0x5000, 4096);
    assertThat(space.split(HVA)).as("it is split").isFalse();
  }

  @Test
  void migration() {
    for (String policy : new String[] {"4k", "mthp-64k", "thp", "hugetlb-2m", "shmem"}) {
      host(policy);
      touch(0x5000, true);
      long before = pa(0x5000);
      isGoneAfter(host -> host.migrate(HVA + 0x5000), 0x5000, 4096);
      assertThat(pa(0x5000)).as(policy).isNotEqualTo(before);
      space.discard(HVA, 4 * MIB);
    }
  }

  @Test
  void collapse() {
    host("thp");
    touch(0x5000, true);
    space.split(HVA);
    isGoneAfter(host -> host.collapse(HVA + 0x5000), 0x5000, 4096);
    assertThat(level(0x5000)).as("a block again").isEqualTo(1);
    assertThat(space.collapse(HVA)).as("it is one").isFalse();
  }

  @Test
  void guestMemfdStaysWhereItIs() {
    host("gmem");
    touch(0x5000, true);
    long entry = leaf(0x5000);
    heard.clear();
    assertThat(space.unmap(HVA, MIB)).isFalse();
    assertThat(space.writeProtect(HVA, MIB)).isFalse();
    assertThat(space.migrate(HVA + 0x5000)).isFalse();
    assertThat(space.split(HVA + 0x5000)).isFalse();
    assertThat(space.collapse(HVA + 0x5000)).isFalse();
    assertThat(heard).isEmpty();
    assertThat(leaf(0x5000)).isEqualTo(entry);
  }

  @Test
  void reservedPagesAreNeitherSplitNorCollapsed() {
    host("hugetlb-2m");
    touch(0x5000, true);
    assertThat(space.split(HVA)).isFalse();
    assertThat(space.splitMapping(HVA)).isFalse();
    assertThat(space.collapse(HVA)).isFalse();
    isGoneAfter(host -> host.unmap(HVA, 4096), 0, 2 * MIB);
  }

  @Test
  void whatNoEntryMapsIsStillInItsFile() {
    for (String policy : new String[] {"shmem", "hugetlb-2m"}) {
      host(policy);
      touch(0x5000, true);
      long pfn = Translation.pfn(space.lookup(HVA + 0x5000));
      assertThat(space.unmap(HVA + 0x5000, 4096)).isTrue();
      assertThat(Translation.failed(space.lookup(HVA + 0x5000))).as(policy).isTrue();
      assertThat(Translation.pfn(((KernelAddressSpace) space).peek(HVA + 0x5000))).isEqualTo(pfn);
      assertThat(Translation.failed(((KernelAddressSpace) space).peek(HVA + 2 * MIB))).isTrue();
    }
    host("4k");
    touch(0x5000, true);
    assertThat(((KernelAddressSpace) space).peek(HVA + 0x5000))
        .isEqualTo(space.lookup(HVA + 0x5000));
  }
}
