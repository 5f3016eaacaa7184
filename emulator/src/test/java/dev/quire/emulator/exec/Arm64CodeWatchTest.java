package dev.quire.emulator.exec;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.HostMemory;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.TranslationObserver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** {@link Arm64CodeWatch} as the engine uses it: what it watches, forgets and watches anew. */
class Arm64CodeWatchTest {
  private static final int MIB = 1 << 20;
  private static final int MRS_X0_RNDR = 0xd53b2400;
  private static final int MOV_SP_X0 = 0x9100001f;
  private static final long SCTLR_SA = 1 << 3;

  /** Two pages that share a place in the watch's record of pages looked through. */
  private static final long FIRST = 0x1000;

  private static final long SECOND = 0x40_0000;

  /** Identity, everything allowed; keeps the addresses it was asked for. */
  private static final class Identity implements Mmu {
    private final List<Long> asked = new ArrayList<>();
    private final FaultRecord fault = new FaultRecord();
    private final MmuCounters counters = new MmuCounters();

    @Override
    public long translate(long va, int access) {
      asked.add(va);
      return probe(va, access);
    }

    @Override
    public long probe(long va, int access) {
      int rights = Access.isFetch(access) ? Protection.READ | Protection.EXEC : Protection.READ;
      return Translation.of(va >>> Order.BASE_PAGE_SHIFT, rights, 0, 0);
    }

    @Override
    public FaultRecord fault() {
      return fault;
    }

    @Override
    public void faultTaken() {}

    @Override
    public void invalidate(TlbInvalidation invalidation) {}

    @Override
    public void setObserver(TranslationObserver observer) {}

    @Override
    public int lastPage() {
      return TranslationObserver.NO_PAGE;
    }

    @Override
    public MmuCounters counters() {
      return counters;
    }
  }

  /** The core does all by itself. */
  private static final SystemRegisterHandler NATIVE =
      new SystemRegisterHandler() {
        @Override
        public Answer read(int register) {
          return Answer.NATIVE;
        }

        @Override
        public Answer write(int register, long value) {
          return Answer.NATIVE;
        }

        @Override
        public Answer system(int register, long operand) {
          return Answer.NATIVE;
        }

        @Override
        public long value() {
          return 0;
        }
      };

  /**
   * The core looks for the code it translated with a hook that is deleted. By then it may have lost
   * the page, and so may the record of pages looked through, which now finds more there to watch:
   * the list of hooks changed while it was gone through, and the MMU was asked for a page that the
   * guest did not access.
   */
  @Test
  void forgettingWhatIsWatchedAsksTheMmuForNothing() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment bytes = arena.allocate(8 * MIB, 4096);
      for (long page : new long[] {FIRST, SECOND}) {
        bytes.set(JAVA_INT, page, MRS_X0_RNDR);
        bytes.set(JAVA_INT, page + 4, MOV_SP_X0);
      }
      Identity mmu = new Identity();
      EngineMemory shared = new EngineMemory(bytes, new HostMemory(bytes));
      Arm64Engine engine = Arm64Engine.open(shared, NATIVE);
      engine.attach(mmu);
      engine.reset(FIRST, 0);
      EngineExit undefined = new EngineExit.Trap(Arm64Engine.TRAP_UNDEFINED);
      assertThat(engine.run(100)).isEqualTo(undefined);
      engine.core().setPc(SECOND);
      assertThat(engine.run(100)).isEqualTo(undefined);

      long checksStackPointer = engine.core().sctlrEl1() | SCTLR_SA;
      engine.noteControl(SystemRegister.SCTLR_EL1, checksStackPointer);
      engine.core().writeSystem(SystemRegister.SCTLR_EL1, checksStackPointer);
      engine.flushAll();
      mmu.asked.clear();
      assertThat(engine.run(100)).isEqualTo(EngineExit.KICKED);
      assertThat(engine.run(100)).isEqualTo(undefined);
      assertThat(mmu.asked).isNotEmpty().containsOnly(SECOND);
      engine.close();
    }
  }
}
