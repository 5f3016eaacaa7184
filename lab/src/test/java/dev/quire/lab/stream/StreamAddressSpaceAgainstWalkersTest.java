package dev.quire.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.bindings.NativeMemory;
import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.DemandAddressSpace;
import dev.quire.kernel.mm.FirstTouchFrames;
import dev.quire.kernel.mm.FirstTouchFrames.Layout;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.page.Fragmentation;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.TranslationObserver;
import dev.quire.mmu.arm64.Arm64Mmu;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.S2Walker;
import dev.quire.mmu.arm64.SctlrEl1;
import dev.quire.mmu.arm64.Stage1PteFormat;
import dev.quire.mmu.arm64.Stage2PteFormat;
import dev.quire.mmu.arm64.TcrEl1;
import dev.quire.mmu.arm64.VtcrEl2;
import dev.quire.mmu.tlb.WalkedPages;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Cr4;
import dev.quire.mmu.x86.Efer;
import dev.quire.mmu.x86.EptEntry;
import dev.quire.mmu.x86.EptWalker;
import dev.quire.mmu.x86.Eptp;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.X86Mmu;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The synthetic walks against the real MMUs: their guest tables are written where the address space
 * says they lie, their host is the real second stage with the same policy, and the real walk must
 * then have the same path.
 */
class StreamAddressSpaceAgainstWalkersTest {
  private static final long SEED = 5;
  private static final long BASE = 1L << 40;
  private static final long SPAN = 1L << 37;
  private static final long HOST_BYTES = 6L << 30;
  private static final int BITS = 40;
  private static final long TCR = 16 | 16 << 16 | 2L << 30 | 4L << 32 | TcrEl1.AS | 1L << 37;

  /** What the real walk told last. */
  private final Listener listener = new Listener();

  private int compared;

  @ParameterizedTest
  @CsvSource({
    "x86_64, 4k, 4k, 0",
    "x86_64, 4k, thp, 0",
    "x86_64, 4k, thp, 0.5",
    "x86_64, 4k, mthp-all, 0.6",
    "x86_64, 2m, 4k, 0",
    "x86_64, 2m, thp, 0.3",
    "x86_64, 1g, hugetlb-1g, 0",
    "x86_64, 1g, hugetlb-2m, 0",
    "arm64, 4k, 4k, 0",
    "arm64, 4k, thp, 0.5",
    "arm64, 64k-cont, 4k, 0",
    "arm64, 64k-cont, mthp-64k+contpte, 0.3",
    "arm64, 4k, mthp-all+contpte, 0.5",
    "arm64, 2m, thp, 0",
    "arm64, 32m-cont, mthp-1024k+contpte, 0.5",
    "arm64, 1g, hugetlb-1g, 0",
    "arm64, 16k:16k, thp, 0.5",
    "arm64, 16k:2m-cont, mthp-64k, 0",
    "arm64, 16k:32m, hugetlb-2m, 0",
    "arm64, 64k:64k, 4k, 0",
    "arm64, 64k:2m-cont, mthp-512k+contpte, 0.2",
    "arm64, 64k:512m, thp, 0",
  })
  void aNestedWalkHasTheRealPath(
      String archName, String guestName, String policyName, double share) {
    HostArchitecture arch =
        archName.equals("arm64") ? HostArchitecture.ARM64 : HostArchitecture.X86_64;
    GuestPages guest = GuestPages.parse(guestName, arch);
    HostPagePolicy policy = HostPagePolicy.parse(policyName);
    Fragmentation fragmentation = new Fragmentation(share, SEED);
    StreamAddressSpace space = StreamAddressSpace.nested(guest, policy, arch, fragmentation, SEED);
    long[] accesses = accesses();
    int[] ids = new int[accesses.length];
    space.resolve(accesses, accesses.length, ids);
    try (NativeMemory arena = NativeMemory.reserve(HOST_BYTES)) {
      RealHost host = new RealHost(arena, arch, policy, fragmentation);
      PteFormat format = guestFormat(arch, guestName);
      WalkedPages pages = space.pages();
      for (int i = 0; i < accesses.length; i++) {
        writeTables(host, format, guest, pages, ids[i], PackedAccess.va(accesses[i]));
      }
      int granuleBits = format.tableOrder(0) + Order.BASE_PAGE_SHIFT;
      Mmu mmu = host.mmu(arch, pages.entryGpa(ids[0], 0) & -1L << granuleBits, granuleBits);
      mmu.setObserver(listener);
      for (int i = 0; i < accesses.length; i++) {
        long va = PackedAccess.va(accesses[i]);
        long translation = host.translate(mmu, va);
        compare(pages, ids[i], va, translation);
      }
    }
    assertThat(compared).isEqualTo(IntStream.of(ids).distinct().count());
  }

  @ParameterizedTest
  @CsvSource({"4k, 0", "thp, 0.5", "mthp-all, 0.5", "hugetlb-1g, 0"})
  void aWalkOfAHostProcessHasTheRealPath(String policyName, double share) {
    HostPagePolicy policy = HostPagePolicy.parse(policyName);
    StreamAddressSpace space =
        StreamAddressSpace.ofHostProcess(
            policy, HostArchitecture.X86_64, new Fragmentation(share, SEED), SEED);
    long[] accesses = accesses();
    int[] ids = new int[accesses.length];
    space.resolve(accesses, accesses.length, ids);
    SparseMemory memory = new SparseMemory();
    WalkedPages pages = space.pages();
    for (int i = 0; i < accesses.length; i++) {
      int last = pages.steps(ids[i]) - 1;
      for (int step = 0; step <= last; step++) {
        int level = Ia32ePte.FOUR_LEVEL.rootLevel() - step;
        long pfn =
            step < last
                ? pages.entryGpa(ids[i], step + 1) >>> 12
                : Translation.pfn(pages.translation(ids[i]));
        memory.writeLong(
            pages.entryGpa(ids[i], step),
            step < last
                ? Ia32ePte.FOUR_LEVEL.table(pfn, level)
                : Ia32ePte.FOUR_LEVEL.leaf(pfn, level, Protection.ALL));
      }
    }
    MmuCounters counters = new MmuCounters();
    X86Mmu mmu = new X86Mmu(memory, SecondStage.none(memory), counters, BITS);
    mmu.control()
        .load(
            Cr0.PE | Cr0.PG | Cr0.WP,
            pages.entryGpa(ids[0], 0) & -4096,
            Cr4.PAE,
            Efer.LME | Efer.LMA);
    mmu.setObserver(listener);
    for (int i = 0; i < accesses.length; i++) {
      long va = PackedAccess.va(accesses[i]);
      compare(pages, ids[i], va, mmu.translate(va, Access.WRITE));
    }
    assertThat(compared).isEqualTo(IntStream.of(ids).distinct().count());
  }

  /** A dense range, whose pages share tables, and addresses far apart. */
  private static long[] accesses() {
    Random random = new Random(SEED);
    long[] accesses = new long[300];
    for (int i = 0; i < accesses.length; i++) {
      long va = BASE + (random.nextLong() & (8 << 20) - 1);
      if (i % 10 == 0) {
        va = BASE + ((long) random.nextInt(3) << 30) + (random.nextLong() & (1 << 22) - 1);
      }
      accesses[i] = PackedAccess.of(va, Access.WRITE, true);
    }
    return accesses;
  }

  private static PteFormat guestFormat(HostArchitecture arch, String name) {
    if (arch == HostArchitecture.X86_64) {
      return Ia32ePte.FOUR_LEVEL;
    }
    Granule granule =
        name.startsWith("16k:")
            ? Granule.SIZE_16K
            : name.startsWith("64k:") ? Granule.SIZE_64K : Granule.SIZE_4K;
    return new Stage1PteFormat(granule, 48, true);
  }

  private static void writeTables(
      RealHost host, PteFormat format, GuestPages guest, WalkedPages pages, int id, long va) {
    int last = pages.steps(id) - 1;
    long tableMask = -Order.bytes(format.tableOrder(0));
    for (int step = 0; step <= last; step++) {
      int level = format.rootLevel() - step;
      long entry;
      if (step < last) {
        entry = format.table((pages.entryGpa(id, step + 1) & tableMask) >>> 12, level);
      } else {
        long pfn = (pages.gpa(id) & -Order.bytes(format.leafOrder(level))) >>> 12;
        entry =
            guest.groupOrder() > 0
                ? format.contiguousLeaf(pfn, level, Protection.ALL)
                : format.leaf(pfn, level, Protection.ALL);
      }
      host.write(pages.entryGpa(id, step), entry);
    }
    assertThat(Order.shift(format.leafOrder(format.rootLevel() - last)))
        .isEqualTo(pages.regionShift(id, last));
    assertThat(pages.va(id)).isLessThanOrEqualTo(va);
  }

  private void compare(WalkedPages pages, int id, long va, long translation) {
    String what = "va %x".formatted(va);
    assertThat(Translation.failed(translation)).as(what).isFalse();
    assertThat(pages.order(id)).as(what).isEqualTo(Translation.order(translation));
    assertThat(Translation.stage1Order(pages.translation(id)))
        .as(what)
        .isEqualTo(Translation.stage1Order(translation));
    if (listener.walk == null) {
      return;
    }
    WalkedPages real = listener.walk;
    listener.walk = null;
    compared++;
    assertThat(pages.steps(id)).as(what).isEqualTo(real.steps(0));
    for (int step = 0; step < pages.steps(id); step++) {
      assertThat(pages.entryGpa(id, step)).as(what).isEqualTo(real.entryGpa(0, step));
      assertThat(pages.regionShift(id, step)).as(what).isEqualTo(real.regionShift(0, step));
    }
    for (int step = 0; step <= pages.steps(id); step++) {
      assertThat(pages.stage2Order(id, step)).as(what).isEqualTo(real.stage2Order(0, step));
      assertThat(pages.stage2References(id, step))
          .as(what)
          .isEqualTo(real.stage2References(0, step));
    }
    assertThat(pages.stage1GroupOrder(id)).as(what).isEqualTo(real.stage1GroupOrder(0));
    assertThat(pages.stage2GroupOrder(id)).as(what).isEqualTo(real.stage2GroupOrder(0));
    long mask = -Order.bytes(pages.order(id));
    if (real.stage2Order(0, 0) >= 0) {
      assertThat(pages.gpa(id) & mask).as(what).isEqualTo(real.gpa(0) & mask);
    }
  }

  /** Keeps the last walk as the measured model would. */
  private static final class Listener implements TranslationObserver {
    private WalkedPages walk;

    @Override
    public int walked(
        long va, int asid, boolean global, long translation, long attributes, PageWalk path) {
      walk = new WalkedPages();
      return walk.add(va, asid, global, translation, attributes, path, 0);
    }

    @Override
    public void dropped(int page) {}

    @Override
    public void invalidating(TlbInvalidation invalidation) {}

    @Override
    public void addressSpace(int asid) {}
  }

  /** KVM's second stage over real memory; host virtual addresses are the guest physical ones. */
  private static final class RealHost {
    private final HostMemory memory;
    private final DemandAddressSpace space;
    private final Stage2Mmu stage2;

    RealHost(
        NativeMemory arena,
        HostArchitecture arch,
        HostPagePolicy policy,
        Fragmentation fragmentation) {
      memory = new HostMemory(arena.segment());
      FirstTouchFrames frames = new FirstTouchFrames(memory.arenaPages(), Layout.SHUFFLED, 77);
      space = new DemandAddressSpace(memory, frames, policy, fragmentation);
      space.map(0, SPAN);
      MemSlots slots = new MemSlots(4, BITS);
      PteFormat format =
          arch == HostArchitecture.X86_64 ? EptEntry.FOUR_LEVEL : new Stage2PteFormat(BITS, 1);
      stage2 = new Stage2Mmu(slots, space, memory, frames, format, policy.contpte());
      assertThat(stage2.setRegion(0, 0, 0, SPAN, 0)).isEqualTo(MemSlots.Outcome.CREATED);
    }

    /** As the guest's kernel writes a table, which lies in memory backed like any other. */
    void write(long gpa, long entry) {
      long frame = space.fault(gpa, true);
      memory.writeLong(Translation.pa(frame) | gpa & 0xfff, entry);
    }

    Mmu mmu(HostArchitecture arch, long rootGpa, int granuleBits) {
      MmuCounters counters = new MmuCounters();
      long stage2Root = stage2.root() << 12;
      if (arch == HostArchitecture.X86_64) {
        EptWalker ept = new EptWalker(memory, counters, BITS, Eptp.of(stage2Root, 4, false));
        X86Mmu mmu = new X86Mmu(memory, ept, counters, BITS);
        mmu.control().load(Cr0.PE | Cr0.PG | Cr0.WP, rootGpa, Cr4.PAE, Efer.LME | Efer.LMA);
        return mmu;
      }
      S2Walker walker = new S2Walker(memory, 44, counters);
      walker.configure(VtcrEl2.of(BITS, 1, 4), stage2Root);
      Arm64Mmu mmu = new Arm64Mmu(memory, walker, FillCache.NONE, 44, counters);
      long tg0 = granuleBits == 12 ? 0 : granuleBits == 14 ? 2 : 1;
      mmu.writeTcr(TCR | tg0 << 14);
      mmu.writeTtbr0(rootGpa);
      mmu.writeSctlr(SctlrEl1.M);
      return mmu;
    }

    long translate(Mmu mmu, long va) {
      for (int faults = 0; faults < 100; faults++) {
        long translation = mmu.translate(va, Access.WRITE | Access.USER);
        if (!Translation.failed(translation)) {
          return translation;
        }
        assertThat(mmu.fault().kind()).as(mmu.fault().toString()).isEqualTo(FaultRecord.STAGE2);
        long result = stage2.fault(mmu.fault().gpa(), mmu.fault().access());
        assertThat(Stage2Mmu.code(result)).isEqualTo(Stage2Mmu.MAPPED);
      }
      throw new AssertionError("va %x faults for ever".formatted(va));
    }
  }

  /** Host memory as a map of words. */
  private static final class SparseMemory implements PhysicalMemory {
    private final Map<Long, Long> words = new HashMap<>();

    @Override
    public boolean contains(long pa, long bytes) {
      return true;
    }

    @Override
    public long readLong(long pa) {
      return words.getOrDefault(pa, 0L);
    }

    @Override
    public int readInt(long pa) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void writeLong(long pa, long value) {
      words.put(pa, value);
    }

    @Override
    public void writeInt(long pa, int value) {
      throw new UnsupportedOperationException();
    }

    @Override
    public boolean compareAndSetLong(long pa, long expected, long value) {
      words.put(pa, value);
      return true;
    }

    @Override
    public boolean compareAndSetInt(long pa, int expected, int value) {
      throw new UnsupportedOperationException();
    }
  }
}
