package dev.quire.kernel.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.kvm.MemSlots.Outcome;
import dev.quire.kernel.mm.BuddyFrames;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.Access;
import dev.quire.mmu.FakeKernelPteFormat;
import dev.quire.mmu.FakePteFormat;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Memory slots bound to guest_memfd: which calls are refused is what a Linux 6.18.44 answered to
 * the same calls in the same order.
 */
class GuestMemfdSlotsTest {
  private static final int BOUND = MemSlots.GUEST_MEMFD;
  private static final int SHARED = GuestMemfd.MMAP | GuestMemfd.INIT_SHARED;
  private static final long HVA = 0x7f00_0000_0000L;
  private static final KernelProfile WITH_ATTRIBUTES =
      KernelProfile.parse("linux-6.18+memory-attributes");
  private static final long PAGE = 4096;
  private static final long MIB = 1 << 20;
  private static final int PUNCH = 3;

  private final FakePteFormat format = new FakePteFormat();
  private final HostMemory memory = new HostMemory(Arena.ofAuto().allocate(64 * MIB, 4096));
  private final Kernel kernel = kernel(KernelProfile.LINUX_6_18);
  private final ModelledFiles files = ModelledFiles.of(kernel);
  private final KernelAddressSpace space =
      new KernelAddressSpace(kernel, HostPagePolicy.parse("gmem"));
  private final Stage2Mmu vm = vm();
  private final List<TlbInvalidation.GuestPhysical> heard = new ArrayList<>();

  private Kernel kernel(KernelProfile profile) {
    KernelConfig config =
        KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, memory.arenaPages())
            .withProfile(profile);
    Kernel made = new Kernel(config, new FakeKernelPteFormat());
    made.setStorage(memory);
    return made;
  }

  private Stage2Mmu vm() {
    MemSlots slots = new MemSlots(32764, 48);
    BuddyFrames frames = new BuddyFrames(kernel.folios(), HostGranule.BASE_4K);
    return new Stage2Mmu(slots, space, memory, frames, format);
  }

  private GuestMemfd file(int pages, int flags) {
    kernel.setFileSystems(files);
    return files.guestMemfd(vm.guestMemfdUser(), pages, flags);
  }

  private static boolean leafIsThere(Stage2Mmu stage2, long gpa, HostMemory memory) {
    return pfn(stage2, gpa, memory) >= 0;
  }

  /** The frame that the second stage maps there, or -1. */
  private static long pfn(Stage2Mmu stage2, long gpa, HostMemory memory) {
    FakePteFormat format = new FakePteFormat();
    long table = stage2.root();
    for (int level = format.rootLevel(); level >= 0; level--) {
      long entry = memory.readLong((table << 12) + 8L * format.index(gpa, level));
      if (!format.isPresent(entry)) {
        return -1;
      }
      if (format.isLeaf(entry, level)) {
        return format.pfn(entry, level);
      }
      table = format.pfn(entry, level);
    }
    throw new AssertionError("no leaf at level 0");
  }

  private Outcome set(int id, int flags, long gpa, long bytes, GuestMemfd file, long offset) {
    return vm.setRegion(id, flags, gpa, bytes, HVA, file, offset);
  }

  @Test
  void whatKvmRefusesToBind() {
    GuestMemfd file = file(16, SHARED);
    GuestMemfd others = files.guestMemfd(vm().guestMemfdUser(), 16, SHARED);
    assertThat(set(0, BOUND | 2, 0, 0x4000, file, 0)).as("read-only").isEqualTo(Outcome.INVALID);
    assertThat(set(0, BOUND | 1, 0, 0x4000, file, 0)).as("dirty log").isEqualTo(Outcome.INVALID);
    assertThat(set(0, BOUND, 0, 0x4000, null, 0)).as("a memfd").isEqualTo(Outcome.NO_FILE);
    assertThat(set(0, BOUND, 0, 0x4000, others, 0)).as("other VM").isEqualTo(Outcome.INVALID);
    assertThat(set(0, BOUND, 0, 0x4000, file, 1)).isEqualTo(Outcome.INVALID);
    assertThat(set(0, BOUND, 0, 0x4000, file, -0x4000)).isEqualTo(Outcome.INVALID);
    assertThat(set(0, BOUND, 0, 0x4000, file, 0xd000))
        .as("past its end")
        .isEqualTo(Outcome.INVALID);
    assertThat(set(0, BOUND, 0, 0x4000, file, 0)).isEqualTo(Outcome.CREATED);
    assertThat(set(0, BOUND, 0, 0x4000, file, 0)).as("unchanged").isEqualTo(Outcome.INVALID);
    assertThat(set(0, 0, 0, 0x4000, null, 0)).isEqualTo(Outcome.INVALID);
    assertThat(set(0, BOUND, 0x100000, 0x4000, file, 0)).as("moved").isEqualTo(Outcome.INVALID);
    assertThat(set(1, BOUND, 0x200000, 0x4000, file, 0)).isEqualTo(Outcome.INVALID);
    assertThat(set(1, BOUND, 0x200000, 0x4000, file, 0x3000)).isEqualTo(Outcome.INVALID);
    assertThat(set(1, BOUND, 0x200000, 0x4000, file, 0x4000)).isEqualTo(Outcome.CREATED);
    assertThat(set(2, BOUND, 0, 0x4000, null, 0)).as("EEXIST first").isEqualTo(Outcome.OVERLAP);
    assertThat(set(2, BOUND, 0x900000, 0x4000, null, 1)).isEqualTo(Outcome.INVALID);
    assertThat(set(0, BOUND, 0, 0, file, 0)).isEqualTo(Outcome.DELETED);
    assertThat(set(1, BOUND | 2, 0, 0, file, 0)).isEqualTo(Outcome.INVALID);
    assertThat(set(3, BOUND, 0x300000, 0x4000, file, 0))
        .as("free again")
        .isEqualTo(Outcome.CREATED);
    assertThat(set(3, 0, 0, 0, null, 0)).isEqualTo(Outcome.DELETED);
    assertThat(set(1, BOUND, 0, 0, null, 1)).isEqualTo(Outcome.INVALID);
    assertThat(set(1, BOUND, 0, 0, null, 0)).isEqualTo(Outcome.DELETED);
  }

  @Test
  void whatKvmRefusesToCreate() {
    KernelProfile linux = KernelProfile.LINUX_6_18;
    for (long bytes : new long[] {0, -4096, 4097}) {
      assertThat(GuestMemfd.creationError(linux, false, PAGE, bytes, 0)).isEqualTo(-Errno.EINVAL);
    }
    assertThat(GuestMemfd.creationError(linux, false, PAGE, PAGE, SHARED)).isZero();
    assertThat(GuestMemfd.creationError(linux, false, PAGE, PAGE, 4)).isEqualTo(-Errno.EINVAL);
    assertThat(GuestMemfd.creationError(KernelProfile.RFC_WRITE, false, PAGE, PAGE, 4)).isZero();
    assertThat(GuestMemfd.creationError(linux, true, PAGE, PAGE, GuestMemfd.MMAP)).isZero();
    assertThat(GuestMemfd.creationError(linux, true, PAGE, PAGE, SHARED))
        .as("private memory does not begin shared")
        .isEqualTo(-Errno.EINVAL);
  }

  @Test
  void aGuestGetsPagesFromTheFileWithoutAnEntryOfTheVmm() {
    GuestMemfd file = file(16, SHARED);
    space.map(HVA, 16 * PAGE, file, 0, true);
    set(0, BOUND, 0x10000, 8 * PAGE, file, 4 * PAGE);
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    long result = vm.fault(0x13123, Access.READ);
    assertThat(Stage2Mmu.code(result)).isEqualTo(Stage2Mmu.MAPPED);
    assertThat(Stage2Mmu.order(result)).isZero();
    KernelCounters.Snapshot counted = kernel.counters().snapshot().minus(before);
    assertThat(counted.of(Primitive.PAGE_CLEAR)).isEqualTo(1);
    assertThat(counted.of(Primitive.PTE_SET)).as("the VMM's").isZero();
    assertThat(file.cachedPages()).isEqualTo(1);
    assertThat(file.cached(7)).isTrue();
    long pfn = pfn(vm, 0x13000, memory);
    memory.writeLong(pfn << 12, 77);
    assertThat(Translation.failed(space.lookup(HVA + 7 * PAGE))).isTrue();
    assertThat(Translation.pfn(space.peek(HVA + 7 * PAGE))).isEqualTo(pfn);
    assertThat(space.process().touch(HVA + 7 * PAGE, false)).isZero();
    assertThat(Translation.pfn(space.lookup(HVA + 7 * PAGE))).isEqualTo(pfn);
    assertThat(memory.readLong(pfn << 12)).isEqualTo(77);
    kernel.folios().lru().drain();
    assertThat(kernel.frames().refCount(pfn)).as("the cache and the VMM's entry").isEqualTo(2);
  }

  @Test
  void aHoleIsGoneFromTheGuestBeforeItsPagesAreFree() {
    GuestMemfd file = file(16, SHARED);
    set(0, BOUND, 0x10000, 8 * PAGE, file, 4 * PAGE);
    vm.addListener(heard::add);
    for (long gpa = 0x10000; gpa < 0x18000; gpa += PAGE) {
      vm.fault(gpa, Access.WRITE);
    }
    memory.writeLong(pfn(vm, 0x12000, memory) << 12, 77);
    assertThat(file.fallocate(PUNCH, 5 * PAGE, 2 * PAGE)).isZero();
    assertThat(leafIsThere(vm, 0x10000, memory)).isTrue();
    assertThat(leafIsThere(vm, 0x11000, memory)).isFalse();
    assertThat(leafIsThere(vm, 0x12000, memory)).isFalse();
    assertThat(leafIsThere(vm, 0x13000, memory)).isTrue();
    assertThat(heard).containsExactly(new TlbInvalidation.GuestPhysical(0x11000, 2 * PAGE));
    assertThat(file.fallocate(PUNCH, 0, 4 * PAGE)).as("before the slot").isZero();
    assertThat(heard).hasSize(1);
    vm.fault(0x12000, Access.READ);
    assertThat(memory.readLong(pfn(vm, 0x12000, memory) << 12)).isZero();
  }

  @Test
  void aClosedFileIsAMemoryFault() {
    GuestMemfd file = file(16, SHARED);
    set(0, BOUND, 0, 16 * PAGE, file, 0);
    vm.fault(0x3000, Access.WRITE);
    file.put();
    assertThat(leafIsThere(vm, 0x3000, memory)).isFalse();
    assertThat(vm.fault(0x3123, Access.WRITE)).isEqualTo(Stage2Mmu.MEMORY_FAULT);
    assertThat(vm.memoryFault()).isEqualTo(new MemoryFault(0, 0x3000, PAGE, Errno.EFAULT));
  }

  @Test
  void aBrokenPageIsAMemoryFault() {
    GuestMemfd file = file(16, SHARED);
    set(0, BOUND, 0, 16 * PAGE, file, 0);
    vm.fault(0x3000, Access.WRITE);
    kernel.frames().set(pfn(vm, 0x3000, memory), PageFlag.HWPOISON);
    vm.unmap(3, 1);
    assertThat(vm.fault(0x3000, Access.READ)).isEqualTo(Stage2Mmu.MEMORY_FAULT);
    assertThat(vm.memoryFault().error()).isEqualTo(Errno.EHWPOISON);
  }

  @Test
  void privatePagesComeFromTheFileAndSharedOnesFromTheMapping() {
    kernel.setFileSystems(files);
    assertThat(vm.allowPrivateMemory(WITH_ATTRIBUTES)).isZero();
    GuestMemfd file = files.guestMemfd(vm.guestMemfdUser(), 16, 0);
    space
        .process()
        .mmap(
            HVA,
            16 * PAGE,
            Mman.PROT_READ | Mman.PROT_WRITE,
            Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED,
            null,
            0);
    set(0, BOUND, 0, 16 * PAGE, file, 0);
    assertThat(Stage2Mmu.code(vm.fault(0x2000, Access.WRITE))).isEqualTo(Stage2Mmu.MAPPED);
    assertThat(file.cachedPages()).as("shared").isZero();
    long shared = pfn(vm, 0x2000, memory);
    memory.writeLong(shared << 12, 77);
    vm.addListener(heard::add);
    assertThat(vm.setMemoryAttributes(0x2000, PAGE, MemoryAttributes.PRIVATE, 0)).isZero();
    assertThat(heard).containsExactly(new TlbInvalidation.GuestPhysical(0x2000, PAGE));
    assertThat(leafIsThere(vm, 0x2000, memory)).isFalse();
    vm.fault(0x2000, Access.READ);
    assertThat(file.cachedPages()).isEqualTo(1);
    assertThat(memory.readLong(pfn(vm, 0x2000, memory) << 12)).as("other memory").isZero();
    assertThat(vm.setMemoryAttributes(0x2000, PAGE, MemoryAttributes.PRIVATE, 0)).isZero();
    assertThat(heard).as("as it was").hasSize(1);
    assertThat(vm.setMemoryAttributes(0, 16 * PAGE, 0, 0)).isZero();
    vm.fault(0x2000, Access.READ);
    assertThat(pfn(vm, 0x2000, memory)).isEqualTo(shared);
  }

  @Test
  void aPrivatePageWithoutAFileIsAMemoryFault() {
    assertThat(vm.allowPrivateMemory(WITH_ATTRIBUTES)).isZero();
    kernel.setFileSystems(files);
    space.map(HVA, 16 * PAGE, file(16, SHARED), 0, true);
    set(0, 0, 0, 16 * PAGE, null, 0);
    vm.setMemoryAttributes(0x5000, 2 * PAGE, MemoryAttributes.PRIVATE, 0);
    assertThat(vm.fault(0x6010, Access.WRITE)).isEqualTo(Stage2Mmu.MEMORY_FAULT);
    assertThat(vm.memoryFault())
        .isEqualTo(new MemoryFault(MemoryFault.PRIVATE, 0x6000, PAGE, Errno.EFAULT));
    assertThat(Stage2Mmu.code(vm.fault(0x7000, Access.WRITE))).isEqualTo(Stage2Mmu.MAPPED);
    vm.setMemoryAttributes(1L << 30, PAGE, MemoryAttributes.PRIVATE, 0);
    assertThat(vm.fault(1L << 30, Access.READ)).as("no slot").isEqualTo(Stage2Mmu.MEMORY_FAULT);
    assertThat(vm.counters().memoryFaults()).isEqualTo(2);
  }

  @Test
  void attributesThatAreRefused() {
    assertThat(vm.setMemoryAttributes(0, PAGE, MemoryAttributes.PRIVATE, 0))
        .as("of a VM whose memory is shared")
        .isEqualTo(-Errno.EINVAL);
    assertThat(vm.allowPrivateMemory(KernelProfile.LINUX_6_18)).isEqualTo(-Errno.EINVAL);
    assertThat(vm.hasPrivateMemory()).isFalse();
    assertThat(vm.allowPrivateMemory(WITH_ATTRIBUTES)).isZero();
    long isPrivate = MemoryAttributes.PRIVATE;
    assertThat(vm.setMemoryAttributes(0, PAGE, isPrivate, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(vm.setMemoryAttributes(0, PAGE, 1, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(vm.setMemoryAttributes(0, 0, isPrivate, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(vm.setMemoryAttributes(1, PAGE, isPrivate, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(vm.setMemoryAttributes(0, 100, isPrivate, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(vm.setMemoryAttributes(-PAGE, 2 * PAGE, isPrivate, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(vm.setMemoryAttributes(0, PAGE, isPrivate, 0)).isZero();
  }

  @Test
  void withoutADirectMapNoSystemCallGetsAtThePages() {
    GuestMemfd file = file(16, SHARED | GuestMemfd.NO_DIRECT_MAP);
    space.map(HVA, 16 * PAGE, file, 0, true);
    assertThat(space.process().madvise(HVA, 4 * PAGE, Mman.MADV_POPULATE_WRITE))
        .isEqualTo(-Errno.EFAULT);
    assertThat(space.process().touch(HVA, true)).as("user space does").isZero();
    GuestMemfd usual = file(16, SHARED);
    space.map(HVA, 16 * PAGE, usual, 0, true);
    assertThat(space.process().madvise(HVA, 4 * PAGE, Mman.MADV_POPULATE_WRITE)).isZero();
    assertThat(usual.cachedPages()).isEqualTo(4);
  }
}
