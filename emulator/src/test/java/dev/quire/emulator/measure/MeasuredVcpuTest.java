package dev.quire.emulator.measure;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.bindings.AccessRing;
import dev.quire.bindings.BlockCounter;
import dev.quire.bindings.NativeMemory;
import dev.quire.bindings.Uc;
import dev.quire.bindings.UcConst;
import dev.quire.bindings.UcX86State;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.Protection;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.TranslationObserver;
import dev.quire.mmu.tlb.CoalescingPolicy;
import dev.quire.mmu.tlb.NestedTlb;
import dev.quire.mmu.tlb.StructureCounts;
import dev.quire.mmu.tlb.TlbArray;
import dev.quire.mmu.tlb.TlbCosts;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbIsa;
import dev.quire.mmu.tlb.TlbLevel;
import dev.quire.mmu.tlb.TlbReplacement;
import dev.quire.mmu.tlb.TlbUse;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What an observer of translations must do before each event, with a ring that is never full. */
class MeasuredVcpuTest {
  private static final long CODE = 0x1000;
  private static final long DATA = 0x2000;
  private static final int RAM_BYTES = 1 << 20;
  private static final int READ_WRITE = Protection.READ | Protection.WRITE;

  /** mov rax, [0x2000]; hlt. */
  private static final String LOAD = "488b042500200000f4";

  private final NativeMemory memory = NativeMemory.reserve(RAM_BYTES);
  private final Uc uc = Uc.open(UcConst.ARCH_X86, UcConst.MODE_64);
  private final FixedMmu mmu = new FixedMmu();
  private int softTlbFlushes;
  private BlockCounter counter;
  private AccessRing ring;
  private MeasuredVcpu measured;

  /** Only says what it translated last. */
  private static final class FixedMmu implements Mmu {
    private int lastPage;

    @Override
    public long translate(long va, int access) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long probe(long va, int access) {
      throw new UnsupportedOperationException();
    }

    @Override
    public FaultRecord fault() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void faultTaken() {}

    @Override
    public void invalidate(TlbInvalidation invalidation) {}

    @Override
    public void setObserver(TranslationObserver observer) {
      observer.addressSpace(1);
    }

    @Override
    public int lastPage() {
      return lastPage;
    }

    @Override
    public MmuCounters counters() {
      throw new UnsupportedOperationException();
    }
  }

  private final FillCache softTlb =
      new FillCache() {
        @Override
        public void flushAll() {
          softTlbFlushes++;
        }

        @Override
        public void flushPage(long va) {
          softTlbFlushes++;
        }
      };

  private static TlbArray array(String name, Set<TlbUse> uses) {
    return new TlbArray(name, 8, 8, List.of(0), uses, TlbReplacement.LRU, List.of());
  }

  @BeforeEach
  void open() {
    uc.tlbTypeVirtual();
    uc.useExits(true);
    uc.memMapPtr(0, RAM_BYTES, UcConst.PERM_ALL, memory.segment());
    byte[] code = HexFormat.of().parseHex(LOAD);
    MemorySegment.copy(code, 0, memory.segment(), JAVA_BYTE, CODE, code.length);
    counter = BlockCounter.forX86(uc, UcX86State.of(uc), (address, bytes) -> 2);
    TlbGeometry geometry =
        new TlbGeometry(
            "small",
            TlbIsa.X86_64,
            List.of(array("l1i", EnumSet.of(TlbUse.FETCH))),
            List.of(array("l1d", EnumSet.of(TlbUse.LOAD, TlbUse.STORE))),
            List.of(),
            false,
            List.of(),
            false,
            NestedTlb.NONE,
            1,
            new TlbCosts("linear", 1, 1, 1, 1, 1),
            CoalescingPolicy.NONE);
    MeasureConfig config = new MeasureConfig(List.of(geometry), 1);
    measured = new MeasuredVcpu(config, 0, RAM_BYTES >> 12, mmu, softTlb);
    ring = AccessRing.of(uc, config.ringRecords(), new NoOverflow());
    measured.attach(ring);
    fill(1, CODE, CODE, Access.FETCH);
    fill(1, DATA, DATA, Access.READ);
  }

  private static final class NoOverflow implements AccessRing.Overflow {
    @Override
    public void access(int write, long pa, int bytes) {
      throw new AssertionError("the ring has room");
    }

    @Override
    public void fetch(long vpn) {
      throw new AssertionError("the ring has room");
    }
  }

  @AfterEach
  void close() {
    uc.close();
    ring.close();
    counter.close();
    memory.close();
  }

  /** Walks to a page and fills the soft TLB with it, as an engine and an MMU would. */
  private int fill(int asid, long va, long pa, int type) {
    int rights = type == Access.FETCH ? Protection.READ | Protection.EXEC : READ_WRITE;
    PageWalk walk = new PageWalk();
    walk.begin();
    walk.end(pa, PageWalk.NO_STAGE2, 0);
    long translation = Translation.of(pa >> 12, rights, 0, 0);
    mmu.lastPage = measured.walked(va, asid, false, translation, 0, walk);
    measured.filled(va, pa >> 12, type, rights);
    return mmu.lastPage;
  }

  private void run() {
    uc.emuStart(CODE, 0, 0, 0);
    assertThat(ring.isEmpty()).isFalse();
  }

  private StructureCounts counts(TlbLevel level) {
    assertThat(measured.unresolved()).isZero();
    return measured.snapshot().getFirst().level(level);
  }

  @Test
  void anAccessBelongsToTheAddressSpaceItWasMadeIn() {
    run();
    measured.addressSpace(2);
    fill(2, CODE, CODE, Access.FETCH);
    fill(2, DATA, DATA, Access.READ);
    run();
    assertThat(counts(TlbLevel.L1D).accesses()).isEqualTo(2);
    assertThat(counts(TlbLevel.L1D).misses()).isEqualTo(2);
    assertThat(counts(TlbLevel.L1I).misses()).isEqualTo(2);
    measured.addressSpace(1);
    fill(1, DATA, DATA, Access.READ);
    fill(1, CODE, CODE, Access.FETCH);
    run();
    assertThat(counts(TlbLevel.L1D).misses()).as("the first space's entry").isEqualTo(2);
  }

  @Test
  void anAccessBeforeAnInvalidationFillsWhatItThenDrops() {
    run();
    measured.invalidating(new TlbInvalidation.All());
    run();
    assertThat(counts(TlbLevel.L1D).misses()).isEqualTo(2);
    assertThat(counts(TlbLevel.L1I).accesses()).isEqualTo(2);
    assertThat(counts(TlbLevel.L1I).misses()).isEqualTo(2);
  }

  @Test
  void aPageWalkedAnewIsMissedAgain() {
    int data = fill(1, DATA, DATA, Access.READ);
    int code = fill(1, CODE, CODE, Access.FETCH);
    run();
    measured.dropped(data);
    fill(1, DATA, DATA, Access.WRITE);
    run();
    assertThat(counts(TlbLevel.L1D).misses()).isEqualTo(2);
    assertThat(counts(TlbLevel.L1I).accesses()).as("the same page").isEqualTo(1);
    measured.dropped(code);
    fill(1, CODE, CODE, Access.FETCH);
    run();
    assertThat(counts(TlbLevel.L1I).accesses()).isEqualTo(2);
    assertThat(counts(TlbLevel.L1I).misses()).isEqualTo(2);
  }

  @Test
  void anotherVirtualPageOfAFrameIsAnAlias() {
    run();
    fill(1, 0x7f00_0000_0000L, DATA, Access.READ);
    assertThat(measured.aliases()).isEqualTo(1);
    assertThat(softTlbFlushes).isEqualTo(1);
    run();
    assertThat(counts(TlbLevel.L1D).misses()).as("two virtual pages").isEqualTo(2);
    assertThat(measured.vaOf(DATA >> 12)).isEqualTo(0x7f00_0000_0000L);
  }

  @Test
  void aVirtualPageOfAnotherSpaceOrNoLongerInUseIsNone() {
    measured.addressSpace(2);
    fill(2, 0x7f00_0000_0000L, DATA, Access.READ);
    assertThat(measured.aliases()).as("of another space").isZero();
    measured.dropped(mmu.lastPage);
    fill(2, 0x7f00_0000_3000L, DATA, Access.READ);
    assertThat(measured.aliases()).as("dropped").isZero();
    assertThat(softTlbFlushes).isZero();
  }

  @Test
  void codeOfAFrameWhoseDataIsReachedElsewhereMayNotBeReadThere() {
    PageWalk walk = new PageWalk();
    walk.begin();
    walk.end(DATA, PageWalk.NO_STAGE2, 0);
    int rights = Protection.READ | Protection.EXEC;
    long translation = Translation.of(DATA >> 12, rights, 0, 0);
    mmu.lastPage = measured.walked(0x9000, 1, false, translation, 0, walk);
    assertThat(measured.filled(0x9000, DATA >> 12, Access.FETCH, rights))
        .isEqualTo(Protection.EXEC);
    assertThat(measured.aliases()).isZero();
  }
}
