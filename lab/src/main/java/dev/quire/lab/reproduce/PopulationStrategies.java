package dev.quire.lab.reproduce;

import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.BuddyFrames;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelAddressSpace;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.uffd.UffdCode;
import dev.quire.kernel.uffd.Userfaultfd;
import dev.quire.lab.cost.Amounts;
import dev.quire.mmu.x86.EptEntry;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * guest_memfd filled from a source that is in no cache, in the ways a VMM has: {@code
 * populate/STRATEGY/SIZE} (3g, 512m) and {@code page/STRATEGY}, which is one page of many.
 *
 * <ul>
 *   <li>write, write-batched: write(2), as in {@link GuestMemfdPopulation};
 *   <li>memcpy: the process maps the file and copies, which faults page by page;
 *   <li>populate-write: the same after MADV_POPULATE_WRITE of the whole;
 *   <li>continue: write(2), then UFFDIO_CONTINUE of the whole for the process's own mapping, as
 *       Linux 7.1 has it for guest_memfd;
 *   <li>prefault: write(2), then KVM_PRE_FAULT_MEMORY of the whole for the guest;
 *   <li>demand: nothing beforehand; a process touches a memfd whose pages are there, sleeps in
 *       userfaultfd, and a handler reads and continues, page by page;
 *   <li>copy-alone: only the copying of memcpy, into pages that are mapped already.
 * </ul>
 *
 * <p>A copy by the process is {@code user-page-copy}, an entry of the second stage {@code
 * stage2-leaf}. The runs are of 64 MiB: all counts are linear in pages.
 */
final class PopulationStrategies implements Workload {
  private static final int PAGE_SHIFT = 12;
  private static final long PAGE = 1L << PAGE_SHIFT;
  private static final long RUN_PAGES = 64L << 20 >>> PAGE_SHIFT;
  private static final long RUN_BYTES = RUN_PAGES << PAGE_SHIFT;
  private static final int ADDRESS_BITS = 48;
  private static final String STAGE2_LEAF = "stage2-leaf";
  private static final String USER_PAGE_COPY = "user-page-copy";

  /** Copies by whomever: a count that no price goes with. */
  private static final String COPIES = "copies";

  @Override
  public Amounts run(List<String> scenario) {
    boolean onePage = scenario.getFirst().equals("page");
    if (scenario.size() != (onePage ? 2 : 3)) {
      throw new IllegalArgumentException("no such scenario: " + scenario);
    }
    long pages = onePage ? 1 : bytes(scenario.get(2)) >>> PAGE_SHIFT;
    return strategy(scenario.get(1)).times((double) pages / RUN_PAGES);
  }

  private static long bytes(String size) {
    return switch (size) {
      case "3g" -> 3L << 30;
      case "512m" -> 512L << 20;
      default -> throw new IllegalArgumentException("no such size: " + size);
    };
  }

  private static Amounts strategy(String name) {
    return switch (name) {
      case "write" -> write(GrabDesign.ONE_BY_ONE);
      case "write-batched" -> write(GrabDesign.BATCHED);
      case "memcpy" -> mapped(false);
      case "populate-write" -> mapped(true);
      case "continue" -> continued();
      case "prefault" -> prefaulted();
      case "demand" -> demanded();
      case "copy-alone" -> userCopies();
      default -> throw new IllegalArgumentException("no such strategy: " + name);
    };
  }

  private static KernelConfig config() {
    return KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 2 * RUN_PAGES);
  }

  private static Amounts userCopies() {
    return Amounts.of(USER_PAGE_COPY, RUN_PAGES).plus(Amounts.of(COPIES, RUN_PAGES));
  }

  private static Amounts write(GrabDesign design) {
    Kernel kernel = ModelledMachine.kernel(config(), design);
    OpenFile memory = kernel.spawn().open(FileKind.GUEST_MEMFD, RUN_PAGES);
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    require(memory.write(0, RUN_BYTES) == RUN_BYTES);
    return Amounts.of(kernel.counters().snapshot().minus(before))
        .plus(Amounts.of(COPIES, RUN_PAGES));
  }

  private static Amounts mapped(boolean populated) {
    Kernel kernel = ModelledMachine.kernel(config(), null);
    Process process = kernel.spawn();
    OpenFile memory = process.open(FileKind.GUEST_MEMFD, RUN_PAGES);
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    int access = Mman.PROT_READ | Mman.PROT_WRITE;
    long at = process.mmap(0, RUN_BYTES, access, Mman.MAP_SHARED, memory, 0);
    require(at > 0);
    if (populated) {
      require(process.madvise(at, RUN_BYTES, Mman.MADV_POPULATE_WRITE) == 0);
    }
    for (long page = at; page < at + RUN_BYTES; page += PAGE) {
      require(process.touch(page, true) == 0);
    }
    return Amounts.of(kernel.counters().snapshot().minus(before)).plus(userCopies());
  }

  private static Amounts continued() {
    KernelConfig config = config().withProfile(KernelProfile.LINUX_7_1);
    Kernel kernel = ModelledMachine.kernel(config, GrabDesign.ONE_BY_ONE);
    Process process = kernel.spawn();
    OpenFile memory = process.open(FileKind.GUEST_MEMFD, RUN_PAGES);
    int access = Mman.PROT_READ | Mman.PROT_WRITE;
    long at = process.mmap(0, RUN_BYTES, access, Mman.MAP_SHARED, memory, 0);
    Userfaultfd uffd = Userfaultfd.open(process, 0);
    require(at > 0 && uffd.api(UffdCode.API, 0) == 0);
    require(uffd.register(at, RUN_BYTES, UffdCode.REGISTER_MINOR) == 0);
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    require(memory.write(0, RUN_BYTES) == RUN_BYTES);
    require(uffd.continueRange(at, RUN_BYTES, 0) == 0);
    return Amounts.of(kernel.counters().snapshot().minus(before))
        .plus(Amounts.of(COPIES, RUN_PAGES));
  }

  private static Amounts demanded() {
    Kernel kernel = ModelledMachine.kernel(config(), null);
    Process process = kernel.spawn();
    OpenFile memory = process.open(FileKind.MEMFD, RUN_PAGES);
    require(memory.write(0, RUN_BYTES) == RUN_BYTES);
    int access = Mman.PROT_READ | Mman.PROT_WRITE;
    long at = process.mmap(0, RUN_BYTES, access, Mman.MAP_SHARED, memory, 0);
    Userfaultfd uffd = Userfaultfd.open(process, 0);
    require(at > 0 && uffd.api(UffdCode.API, 0) == 0);
    require(uffd.register(at, RUN_BYTES, UffdCode.REGISTER_MINOR) == 0);
    KernelCounters.Snapshot before = kernel.counters().snapshot();
    for (long page = at; page < at + RUN_BYTES; page += PAGE) {
      require(process.touch(page, true) == UserSignal.BLOCKED);
      require(uffd.read().address() == page && uffd.continueRange(page, PAGE, 0) == 0);
      require(process.touch(page, true) == 0);
    }
    return Amounts.of(kernel.counters().snapshot().minus(before));
  }

  private static Amounts prefaulted() {
    try (Arena arena = Arena.ofConfined()) {
      KernelConfig config = config();
      HostMemory host = new HostMemory(arena.allocate(config.memoryPages() << PAGE_SHIFT, PAGE));
      Kernel kernel = ModelledMachine.kernel(config, GrabDesign.ONE_BY_ONE);
      kernel.setStorage(host);
      Stage2Mmu vm =
          new Stage2Mmu(
              new MemSlots(1, ADDRESS_BITS),
              new KernelAddressSpace(kernel, HostPagePolicy.parse("gmem")),
              host,
              new BuddyFrames(kernel.folios(), config.granule()),
              EptEntry.FOUR_LEVEL);
      GuestMemfd memory =
          ModelledFiles.of(kernel, 1, GrabDesign.ONE_BY_ONE)
              .guestMemfd(
                  vm.guestMemfdUser(), (int) RUN_PAGES, GuestMemfd.MMAP | GuestMemfd.INIT_SHARED);
      require(
          vm.setRegion(0, MemSlots.GUEST_MEMFD, 0, RUN_BYTES, 1L << 32, memory, 0)
              == MemSlots.Outcome.CREATED);
      KernelCounters.Snapshot before = kernel.counters().snapshot();
      require(memory.write(0, RUN_BYTES) == RUN_BYTES);
      require(vm.preFault(0, RUN_BYTES, 0).bytes() == 0);
      long leaves = vm.counters().leavesInstalled()[0];
      return Amounts.of(kernel.counters().snapshot().minus(before))
          .plus(Amounts.of(COPIES, RUN_PAGES))
          .plus(Amounts.of(STAGE2_LEAF, leaves));
    }
  }

  private static void require(boolean done) {
    if (!done) {
      throw new IllegalStateException("the modelled kernel refused part of a population");
    }
  }
}
