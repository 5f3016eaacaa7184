package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.quire.mmu.Access;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.oracle.WordMemory;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the engine's soft TLB may rely on. */
class X86MmuFillTest {
  private static final int[] MODES = {Access.USER, 0, Access.USER_DATA_ALLOWED};
  private static final int SCALE = Integer.getInteger("quire.test.scale", 1);
  private static final int STEPS = 100_000 * SCALE;
  private static final int PAGES = 12;

  /** Pages in two 2 MiB regions, so that small and large pages and tables overlap. */
  private static long page(Random random) {
    int index = random.nextInt(PAGES);
    return 0x4000_0000L + (index % 2) * 0x20_0000L + (index / 2) * 0x1000L;
  }

  /**
   * Random tables, registers, invalidations and accesses: after every step each fill the soft TLB
   * still holds must be what the MMU would answer again. So it makes no difference to the guest
   * when the engine loses a fill.
   */
  @ParameterizedTest
  @CsvSource({
    "21, 1000000, false",
    "22, 1000000, false",
    "23, 1000000, true",
    "24, 7, false",
    "25, 30, true"
  })
  void everyFillKeptIsWhatTheMmuWouldAnswerAgain(long seed, int tlbEntries, boolean brokenUp) {
    Random random = new Random(seed);
    SecondStage secondStage = brokenUp ? WalkComparison.BROKEN_UP : WalkComparison.IDENTITY;
    MmuFixture fixture = MmuFixture.longMode(Cr4.PGE | Cr4.PCIDE, secondStage, tlbEntries);
    long otherRoot = fixture.allocate();
    long checked = 0;
    for (int step = 0; step < STEPS; step++) {
      step(random, fixture, otherRoot);
      for (Map.Entry<MmuFixture.FillKey, Long> fill : fixture.fills.entrySet()) {
        checkFill(step, fixture, fill.getKey(), fill.getValue());
        checked++;
      }
    }
    assertThat(checked).as("fills looked at").isGreaterThan(STEPS / 2L);
  }

  private static void checkFill(
      int step, MmuFixture fixture, MmuFixture.FillKey key, long translation) {
    for (int type = Access.READ; type <= Access.FETCH; type++) {
      if ((Translation.rights(translation) & Protection.neededBy(type)) != 0) {
        long again = fixture.mmu.probe(key.page() << 12, key.mode() | type);
        boolean same =
            !Translation.failed(again) && Translation.pa(again) == Translation.pa(translation);
        if (!same) {
          throw new AssertionError(
              "step %d: fill of %s says 0x%x, the MMU 0x%x"
                  .formatted(step, key, translation, again));
        }
      }
    }
  }

  private static void step(Random random, MmuFixture fixture, long otherRoot) {
    X86Mmu mmu = fixture.mmu;
    long va = page(random);
    switch (random.nextInt(24)) {
      case 0, 1, 2, 3 -> remap(random, fixture, random.nextBoolean() ? MmuFixture.ROOT : otherRoot);
      case 4 -> mmu.invlpg(va);
      case 5 -> mmu.invpcid(random.nextInt(4), random.nextInt(2), va);
      case 6 -> {
        long pcid = random.nextInt(2);
        long root = pcid == 0 ? MmuFixture.ROOT : otherRoot;
        mmu.control().writeCr3(root | pcid | (random.nextInt(4) > 0 ? Cr3.NO_FLUSH : 0));
      }
      case 7 ->
          mmu.control()
              .writeCr4(
                  Cr4.PAE
                      | Cr4.PGE
                      | Cr4.PCIDE
                      | random.nextLong() & (Cr4.SMEP | Cr4.SMAP | Cr4.PGE));
      case 8 -> mmu.control().writeCr0(Cr0.PE | Cr0.PG | (random.nextBoolean() ? Cr0.WP : 0));
      case 9 -> mmu.control().writeEfer(Efer.LME | (random.nextBoolean() ? Efer.NXE : 0));
      case 10 -> {
        if (random.nextInt(8) == 0) {
          mmu.invalidate(new TlbInvalidation.GuestPhysical(0, 1 << 20));
        }
      }
      default -> fixture.access(va, random.nextInt(3) | MODES[random.nextInt(MODES.length)]);
    }
  }

  private static void remap(Random random, MmuFixture fixture, long root) {
    long va = page(random);
    long flags =
        Ia32ePte.P
            | random.nextLong() & (Ia32ePte.RW | Ia32ePte.US | Ia32ePte.D | Ia32ePte.G)
            | (random.nextInt(4) == 0 ? Ia32ePte.XD : 0);
    long pa = random.nextInt(1, 4) * 0x20_0000L;
    long directoryEntry = fixture.entryAt(root, va, 2);
    long old = fixture.memory.readLong(directoryEntry);
    boolean wasLarge = (old & Ia32ePte.PS) != 0;
    if (random.nextInt(6) == 0) {
      fixture.memory.writeLong(directoryEntry, pa | flags | Ia32ePte.PS);
      return;
    }
    if (wasLarge) {
      // One table per region and root for ever: memory is small.
      long table = 0x80_000L + (root == MmuFixture.ROOT ? 0 : 0x2000) + (va >>> 21 & 1) * 0x1000;
      fixture.memory.writeLong(directoryEntry, table | MmuFixture.USER_PAGE);
    }
    fixture.mapIn(root, va, random.nextInt(8) == 0 ? 0 : pa, flags & ~Ia32ePte.PS);
  }

  @Test
  void dataFillsNeverGrantExecAndFetchesNeverWrite() {
    MmuFixture fixture = MmuFixture.longMode(0);
    fixture.map(0x7000, 0x10_0000, MmuFixture.USER_PAGE);
    assertThat(rights(fixture, Access.READ)).isEqualTo(Protection.READ);
    assertThat(rights(fixture, Access.FETCH)).isEqualTo(Protection.READ | Protection.EXEC);
    assertThat(rights(fixture, Access.WRITE)).isEqualTo(Protection.READ | Protection.WRITE);
    assertThat(rights(fixture, Access.READ)).isEqualTo(Protection.READ | Protection.WRITE);
    assertThat(rights(fixture, Access.FETCH)).isEqualTo(Protection.READ | Protection.EXEC);
  }

  private static int rights(MmuFixture fixture, int access) {
    return Translation.rights(fixture.mmu.translate(0x7000, access));
  }

  @Test
  void translationsAllocateNothing() {
    X86Mmu mmu = nested();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long thread = Thread.currentThread().threadId();
    long allocated = Long.MAX_VALUE;
    long answers = 0;
    // The JVM itself may allocate a little in this thread while it compiles: one clean run decides.
    for (int run = 0; run < 5 && allocated != 0; run++) {
      long first = threads.getThreadAllocatedBytes(thread);
      long start = threads.getThreadAllocatedBytes(thread);
      answers = exercise(mmu, 1_000_000);
      long end = threads.getThreadAllocatedBytes(thread);
      allocated = end - start - (start - first);
    }
    assertThat(allocated).as("bytes in a million translations").isZero();
    assertThat(answers).as("both ends are tried").isBetween(100_000L, 900_000L);
    MmuCounters counters = mmu.counters();
    assertThat(counters.get(MmuEvent.WALK)).isGreaterThan(200_000);
    assertThat(counters.get(MmuEvent.STAGE2_FAULT)).isGreaterThan(100_000);
  }

  /**
   * Page 0 hits, page 1 is read-only (a write drops it, the next read walks and fills), page 2 is
   * absent, page 3 is mapped to a guest page that EPT lacks.
   */
  private static long exercise(X86Mmu mmu, int times) {
    long failures = 0;
    for (int i = 0; i < times; i++) {
      long page = i & 3;
      failures += mmu.translate(page << 12, i % 3 | Access.USER) >>> 63;
    }
    return failures;
  }

  /** EPT in host pages 1 to 4 maps guest page n to host page n; guest tables in 5 to 8. */
  private static X86Mmu nested() {
    WordMemory memory = new WordMemory(16);
    MmuCounters counters = new MmuCounters();
    for (int level = 4; level >= 2; level--) {
      memory.writeLong((5 - level) * 0x1000L, (6 - level) * 0x1000L | EptEntry.RIGHTS);
      memory.writeLong((9 - level) * 0x1000L, (10 - level) * 0x1000L | MmuFixture.USER_PAGE);
    }
    for (int page = 0; page < 16; page++) {
      long leaf = page * 0x1000L | EptEntry.RIGHTS | EptEntry.WRITE_BACK << 3;
      memory.writeLong(0x4000 + 8 * page, leaf);
    }
    memory.writeLong(0x8000, 0x9000 | MmuFixture.USER_PAGE);
    memory.writeLong(0x8008, 0xa000 | Ia32ePte.P | Ia32ePte.US);
    memory.writeLong(0x8018, 0x1f_f000 | MmuFixture.USER_PAGE);
    EptWalker ept = new EptWalker(memory, counters, 40, Eptp.of(0x1000, 4, true));
    X86Mmu mmu = new X86Mmu(memory, ept, counters, 40);
    assertThat(mmu.control().load(MmuFixture.PAGING, 0x5000, Cr4.PAE, MmuFixture.LONG_MODE))
        .isEqualTo(RegisterWrite.DONE);
    return mmu;
  }
}
