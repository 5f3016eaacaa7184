package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.TranslationObserver;
import dev.quire.mmu.arm64.oracle.ArrayMemory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The contiguous bit at both stages: what a group is, and what a wrong one does. */
class ContiguousTest {
  private static final long RAM = 0x4000_0000L;
  private static final int PA_BITS = 48;
  private static final long IPS_48 = 5L << 32;
  private static final long GROUP_PA = 0x40_0000_0000L;
  private static final int READ = Access.READ | Access.USER;

  private final ArrayMemory memory = new ArrayMemory(RAM, 4 << 20);
  private final MmuCounters counters = new MmuCounters();
  private final TableBuilder.FrameSource frames = new TableBuilder.FrameSource(RAM);
  private final List<ContiguousReport> reports = new ArrayList<>();
  private final Groups groups = new Groups();
  private Arm64Mmu mmu;

  /** Remembers the group orders of the last walk. */
  private static final class Groups implements TranslationObserver {
    private int stage1;
    private int stage2;

    @Override
    public int walked(
        long va, int asid, boolean global, long translation, long attributes, PageWalk walk) {
      stage1 = walk.stage1GroupOrder();
      stage2 = walk.stage2GroupOrder();
      return 0;
    }

    @Override
    public void dropped(int page) {}

    @Override
    public void invalidating(TlbInvalidation invalidation) {}

    @Override
    public void addressSpace(int asid) {}
  }

  private static SecondStage flat() {
    return (gpa, access, fault) -> Translation.of(gpa >>> 12, Protection.ALL, 36, 36);
  }

  private static Granule granule(int log2Bytes) {
    return switch (log2Bytes) {
      case 12 -> Granule.SIZE_4K;
      case 14 -> Granule.SIZE_16K;
      default -> Granule.SIZE_64K;
    };
  }

  /** Maps a whole group from {@code va}; gives the addresses of its entries. */
  private List<Long> mapGroup(Granule granule, int level, long va, int inputBits) {
    mmu = new Arm64Mmu(memory, flat(), FillCache.NONE, PA_BITS, counters);
    mmu.setObserver(groups);
    long tg0 = granule == Granule.SIZE_4K ? 0 : granule == Granule.SIZE_16K ? 2L : 1L;
    Stage1PteFormat format = new Stage1PteFormat(granule, inputBits, true);
    TableBuilder tables = new TableBuilder(memory, format, frames);
    int members = 1 << granule.contiguousOrder(level) - granule.leafOrder(level);
    List<Long> entries = new ArrayList<>();
    for (int i = 0; i < members; i++) {
      long offset = (long) i << granule.shift(level);
      long at = tables.entryPa(va + offset, 3 - level);
      long pfn = GROUP_PA + offset >>> 12;
      memory.writeLong(at, format.contiguousLeaf(pfn, 3 - level, Protection.ALL));
      entries.add(at);
    }
    mmu.writeTcr(64 - inputBits | tg0 << 14 | IPS_48);
    mmu.writeTtbr0(tables.rootPa());
    mmu.writeSctlr(SctlrEl1.M);
    return entries;
  }

  private long pa(long va) {
    mmu.invalidate(new TlbInvalidation.All());
    long answer = mmu.translate(va, READ);
    return Translation.failed(answer) ? -1 : Translation.pa(answer);
  }

  @ParameterizedTest(name = "granule of {0} bits, level {1}: {2} entries")
  @CsvSource({
    "12, 3, 16",
    "12, 2, 16",
    "12, 1, 16",
    "14, 3, 128",
    "14, 2, 32",
    "16, 3, 32",
    "16, 2, 32"
  })
  void aGroupHasTheManualsSizeAndOneWrongEntryIsFoundByAnyWalk(int bits, int level, int size) {
    Granule granule = granule(bits);
    long va = 0x80_0000_0000L;
    List<Long> entries = mapGroup(granule, level, va, 48);
    mmu.contiguous(ContiguousPolicy.STRICT, 0, reports::add);
    long pageBytes = 1L << granule.shift(level);
    assertThat(entries).hasSize(size);
    assertThat(pa(va + 3 * pageBytes)).isEqualTo(GROUP_PA + 3 * pageBytes);
    assertThat(groups.stage1).isEqualTo(granule.contiguousOrder(level));
    assertThat(Order.bytes(groups.stage1)).isEqualTo(size * pageBytes);
    assertThat(reports).isEmpty();
    long references = counters.get(MmuEvent.STAGE1_REFERENCE);
    memory.writeLong(entries.getLast(), memory.readLong(entries.getLast()) ^ VmsaDescriptor.NG);
    assertThat(pa(va)).isEqualTo(GROUP_PA);
    assertThat(counters.get(MmuEvent.STAGE1_REFERENCE) - references)
        .as("the check is no walk: its reads are not counted")
        .isEqualTo(3 - granule.startLevel(48) + 1 - (3 - level));
    assertThat(reports)
        .containsExactly(
            new ContiguousReport(1, va, level, size - 1, ContiguousReport.Flaw.ATTRIBUTES));
    assertThat(counters.get(MmuEvent.CONTIGUOUS_MISPROGRAMMED)).isEqualTo(1);
    mmu.probe(va + 2 * pageBytes, READ);
    assertThat(reports).as("a probe reports nothing").hasSize(1);
  }

  @Test
  void everyFlawIsNamed() {
    long va = 0x80_0000_0000L;
    List<Long> entries = mapGroup(Granule.SIZE_4K, 3, va, 48);
    mmu.contiguous(ContiguousPolicy.STRICT, 0, reports::add);
    long good = memory.readLong(entries.get(5));
    flawed(entries, good & ~VmsaDescriptor.CONTIGUOUS, ContiguousReport.Flaw.BIT_CLEAR);
    flawed(entries, good & ~VmsaDescriptor.VALID, ContiguousReport.Flaw.NO_LEAF);
    flawed(entries, good ^ 1L << 20, ContiguousReport.Flaw.ADDRESS);
    flawed(entries, good ^ VmsaDescriptor.AP_READ_ONLY, ContiguousReport.Flaw.ATTRIBUTES);
    flawed(entries, good ^ VmsaDescriptor.SH_INNER, ContiguousReport.Flaw.ATTRIBUTES);
    reports.clear();
    memory.writeLong(entries.get(5), good & ~VmsaDescriptor.AF);
    pa(va);
    assertThat(reports).as("access flags may differ").isEmpty();
    memory.writeLong(entries.get(5), good ^ 1L << 55);
    pa(va);
    assertThat(reports).as("software's bits may differ").isEmpty();
  }

  private void flawed(List<Long> entries, long wrong, ContiguousReport.Flaw flaw) {
    reports.clear();
    long good = memory.readLong(entries.get(5));
    memory.writeLong(entries.get(5), wrong);
    pa(0x80_0000_0000L);
    assertThat(reports).containsExactly(new ContiguousReport(1, 0x80_0000_0000L, 3, 5, flaw));
    memory.writeLong(entries.get(5), good);
  }

  @Test
  void anOutputThatIsNotAlignedToTheGroupIsFound() {
    long va = 0x80_0000_0000L;
    List<Long> entries = mapGroup(Granule.SIZE_4K, 3, va, 48);
    mmu.contiguous(ContiguousPolicy.STRICT, 0, reports::add);
    for (long entry : entries) {
      memory.writeLong(entry, memory.readLong(entry) + 0x1000);
    }
    pa(va + 0x2000);
    assertThat(reports).contains(new ContiguousReport(1, va, 3, 2, ContiguousReport.Flaw.ADDRESS));
  }

  @Test
  void aGroupLargerThanTheInputHasNoEffectAndIsReported() {
    // Two entries of 1 GiB: half a group would be 8 GiB.
    mapGroup(Granule.SIZE_4K, 3, 0, 31);
    Stage1PteFormat format = new Stage1PteFormat(Granule.SIZE_4K, 31, true);
    TableBuilder tables = new TableBuilder(memory, format, frames);
    memory.writeLong(tables.entryPa(0, 2), format.contiguousLeaf(1 << 18, 2, Protection.ALL));
    mmu.writeTtbr0(tables.rootPa());
    mmu.contiguous(ContiguousPolicy.STRICT, 0, reports::add);
    assertThat(pa(0x1234_5000L)).isEqualTo(0x5234_5000L);
    assertThat(groups.stage1).isZero();
    assertThat(reports)
        .containsExactly(new ContiguousReport(1, 0, 1, 0, ContiguousReport.Flaw.BEYOND_INPUT));
  }

  /** By a wrong group each address may be translated by any of its entries, and by no other. */
  @Test
  void aTolerantWalkMayUseAnyEntryOfTheGroup() {
    long va = 0x80_0000_0000L;
    List<Long> entries = mapGroup(Granule.SIZE_4K, 3, va, 48);
    long other = 0x55_0000_0000L;
    for (int i = 8; i < 16; i++) {
      long moved = memory.readLong(entries.get(i)) - GROUP_PA + other;
      memory.writeLong(entries.get(i), moved);
    }
    memory.writeLong(entries.get(1), 0);
    Set<Long> seen = new HashSet<>();
    for (int seed = 0; seed < 64; seed++) {
      mmu.contiguous(ContiguousPolicy.ANY_ENTRY, seed, reports::add);
      long first = pa(va);
      seen.add(first);
      assertThat(pa(va)).as("the same seed").isEqualTo(first);
      assertThat(pa(va + 0x1000)).as("an invalid entry of its own").isEqualTo(-1);
      assertThat(pa(va + 0x9000)).isIn(GROUP_PA + 0x9000, other + 0x9000);
    }
    assertThat(seen).containsExactlyInAnyOrder(GROUP_PA, other);
    mmu.contiguous(ContiguousPolicy.OWN_ENTRY, 0, reports::add);
    assertThat(pa(va)).isEqualTo(GROUP_PA);
    assertThat(pa(va + 0x9000)).isEqualTo(other + 0x9000);
    assertThat(reports).isEmpty();
  }

  @ParameterizedTest(name = "stage 2, granule of {0} bits, level {1}: order {2}")
  @CsvSource({
    "12, 3, 4",
    "12, 2, 13",
    "12, 1, 22",
    "14, 3, 9",
    "14, 2, 18",
    "16, 3, 9",
    "16, 2, 22"
  })
  void theSecondStageHasGroupsToo(int bits, int level, int order) {
    Granule granule = granule(bits);
    int startLevel = granule == Granule.SIZE_4K ? 0 : 1;
    int inputBits = granule == Granule.SIZE_4K ? 48 : 47;
    Stage2PteFormat format = new Stage2PteFormat(granule, inputBits, startLevel);
    TableBuilder tables = new TableBuilder(memory, format, frames);
    S2Walker stage2 = new S2Walker(memory, PA_BITS, counters);
    stage2.configure(VtcrEl2.of(granule, inputBits, startLevel, 5), tables.rootPa() | 7L << 48);
    stage2.contiguous(ContiguousPolicy.STRICT, 0, reports::add);
    long last = 0;
    for (long at = 0; at < Order.bytes(order); at += 1L << granule.shift(level)) {
      last = tables.entryPa(GROUP_PA + at, 3 - level);
      memory.writeLong(
          last, format.contiguousLeaf(GROUP_PA + at >>> 12, 3 - level, Protection.ALL));
    }
    mmu = new Arm64Mmu(memory, stage2, FillCache.NONE, PA_BITS, counters);
    mmu.setObserver(groups);
    assertThat(pa(GROUP_PA + 0x5000)).isEqualTo(GROUP_PA + 0x5000);
    assertThat(groups.stage2).isEqualTo(order);
    assertThat(groups.stage1).isZero();
    assertThat(reports).isEmpty();
    memory.writeLong(last, 0);
    FaultRecord fault = new FaultRecord();
    assertThat(Translation.failed(stage2.translate(GROUP_PA, Access.READ, fault))).isFalse();
    assertThat(reports).hasSize(1);
    assertThat(reports.getFirst())
        .hasToString(
            "stage 2, group at 0x%x, level %d, entry %d: NO_LEAF"
                .formatted(GROUP_PA, level, (1 << order - granule.leafOrder(level)) - 1));
    assertThat(stage2.vmid()).isEqualTo(7);
  }
}
