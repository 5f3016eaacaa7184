package dev.quire.mmu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.PteFormatContract;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.oracle.OracleEpt;
import dev.quire.mmu.x86.oracle.OracleWalker;
import dev.quire.mmu.x86.oracle.WordMemory;
import java.util.Arrays;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EptWalkerTest {
  private static final int PHYSICAL_BITS = 40;
  private static final long GPA = 0x12_3456_7abcL;
  private static final long LINKED = EptEntry.RIGHTS;
  private static final long PAGE = EptEntry.RIGHTS | EptEntry.WRITE_BACK << 3;

  /** Page 0: PML5, 1: PML4, 2: PDPT, 3: PD, 4: PT. */
  private final WordMemory memory = new WordMemory(8);

  private final long[] oracleWords = new long[memory.words().length];
  private final OracleEpt oracle = new OracleEpt(oracleWords, PHYSICAL_BITS);
  private final FaultRecord fault = new FaultRecord();
  private final MmuCounters counters = new MmuCounters();
  private final EptWalker walker =
      new EptWalker(memory, counters, PHYSICAL_BITS, Eptp.of(0x1000, 4, false));

  @Nested
  class FourLevel extends PteFormatContract {
    @Override
    protected PteFormat format() {
      return EptEntry.FOUR_LEVEL;
    }
  }

  @Nested
  class FiveLevel extends PteFormatContract {
    @Override
    protected PteFormat format() {
      return EptEntry.FIVE_LEVEL;
    }
  }

  private static long entryAt(int level) {
    return (5 - level) * 0x1000L + (GPA >>> 12 + 9 * (level - 1) & 511) * 8;
  }

  private void link() {
    for (int level = 5; level >= 2; level--) {
      memory.writeLong(entryAt(level), (6 - level) * 0x1000L | LINKED);
    }
    memory.writeLong(entryAt(1), 0x77_7000L | PAGE);
  }

  private void use(int levels, boolean accessedDirty) {
    use(levels, accessedDirty, false);
  }

  private void use(int levels, boolean accessedDirty, boolean modeBased) {
    long root = levels == 5 ? 0 : 0x1000;
    walker.setEptp(Eptp.of(root, levels, accessedDirty));
    oracle.configure(root, levels, accessedDirty, modeBased);
    walker.setModeBasedExecute(modeBased);
  }

  private String ours(long gpa, int access) {
    long translation = walker.translate(gpa, access, fault);
    if (Translation.failed(translation)) {
      return switch (fault.kind()) {
        case FaultRecord.STAGE2 -> "violation " + fault.syndrome();
        case FaultRecord.STAGE2_MISCONFIGURED -> "misconfiguration 0";
        default -> "nowhere 0";
      };
    }
    return Translation.pa(translation)
        + "/"
        + Order.shift(Translation.order(translation))
        + " "
        + Translation.rights(translation);
  }

  private String theirs(long gpa, int access) {
    char kind = "rwx".charAt(Access.type(access));
    try {
      OracleWalker.Frame frame =
          oracle.translate(gpa, kind, Access.isTableWalk(access), (access & Access.USER_PAGE) != 0);
      int rights =
          (frame.readable() ? 1 : 0) + (frame.writable() ? 2 : 0) + (frame.executable() ? 4 : 0);
      return (frame.pa() & -4096) + "/" + frame.sizeLog2() + " " + rights;
    } catch (OracleWalker.Fault expected) {
      return expected.what() + " " + expected.code();
    }
  }

  private void compareEveryAccess(int level, long entry) {
    for (int access :
        new int[] {
          Access.READ,
          Access.WRITE,
          Access.FETCH,
          Access.READ | Access.USER_PAGE,
          Access.FETCH | Access.USER_PAGE,
          Access.READ | Access.TABLE_WALK,
          Access.WRITE | Access.TABLE_WALK
        }) {
      memory.writeLong(entryAt(level), entry);
      System.arraycopy(memory.words(), 0, oracleWords, 0, memory.words().length);
      String ours = ours(GPA, access);
      String theirs = theirs(GPA, access);
      if (!ours.equals(theirs) || !Arrays.equals(memory.words(), oracleWords)) {
        throw new AssertionError(
            "%s with level %d entry 0x%x: walker %s, oracle %s, same memory %b"
                .formatted(
                    Access.describe(access),
                    level,
                    entry,
                    ours,
                    theirs,
                    Arrays.equals(memory.words(), oracleWords)));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void everyEntryOfEveryLevelDecidesAsTheOracleSays(int level) {
    for (int variant = 0; variant < 4; variant++) {
      use(5, (variant & 1) != 0, (variant & 2) != 0);
      link();
      // All of R, W, X, type, ignore PAT, PS, A, D, user X, with and without a frame.
      for (long bits = 0; bits < 1 << 11; bits++) {
        compareEveryAccess(level, bits);
        compareEveryAccess(level, bits | (6 - level) * 0x1000L);
      }
      for (int bit = 0; bit < 64; bit++) {
        compareEveryAccess(level, ((6 - level) * 0x1000L | LINKED) ^ 1L << bit);
        compareEveryAccess(level, (PAGE | EptEntry.PS) ^ 1L << bit);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void anAddressBeyondTheWalksWidthIsAViolationThatReadsNothing(int levels) {
    use(levels, false);
    link();
    long width = levels == 4 ? 48 : 57;
    assertThat(walker.translate(1L << width, Access.READ, fault)).isNegative();
    assertThat(fault.kind()).isEqualTo(FaultRecord.STAGE2);
    assertThat(fault.syndrome())
        .isEqualTo(
            ExitQualification.READ
                | ExitQualification.LINEAR_VALID
                | ExitQualification.LINEAR_ACCESS);
    assertThat(counters.get(MmuEvent.STAGE2_REFERENCE)).isZero();
  }

  @Test
  void aCleanPageIsGrantedForWritingOnlyOnceItIsDirty() {
    use(4, true);
    link();
    assertThat(rights(Access.READ)).isEqualTo(Protection.READ | Protection.EXEC);
    assertThat(memory.readLong(entryAt(1)) & (EptEntry.A | EptEntry.D)).isEqualTo(EptEntry.A);
    assertThat(rights(Access.WRITE)).isEqualTo(Protection.ALL);
    assertThat(memory.readLong(entryAt(1)) & EptEntry.D).isEqualTo(EptEntry.D);
    assertThat(rights(Access.READ)).isEqualTo(Protection.ALL);
    assertThat(counters.get(MmuEvent.ACCESSED_SET)).isEqualTo(4);
    assertThat(counters.get(MmuEvent.DIRTY_SET)).isEqualTo(1);
  }

  @Test
  void withoutAccessedAndDirtyFlagsNoEntryChanges() {
    use(4, false);
    link();
    long[] before = memory.words().clone();
    assertThat(rights(Access.WRITE)).isEqualTo(Protection.ALL);
    assertThat(memory.words()).isEqualTo(before);
  }

  @Test
  void aProbeChangesAndCountsNothing() {
    use(4, true);
    link();
    long[] before = memory.words().clone();
    assertThat(rights(Access.WRITE | Access.PROBE)).isEqualTo(Protection.ALL);
    assertThat(memory.words()).isEqualTo(before);
    assertThat(counters.get(MmuEvent.STAGE2_REFERENCE)).isZero();
  }

  @Test
  void anExecuteOnlyPageCanBeFetchedAndNotRead() {
    use(4, false);
    link();
    memory.writeLong(entryAt(1), 0x77_7000L | EptEntry.EXECUTE | EptEntry.WRITE_BACK << 3);
    assertThat(rights(Access.FETCH)).isEqualTo(Protection.EXEC);
    assertThat(walker.translate(GPA, Access.READ, fault)).isNegative();
    assertThat(ExitQualification.describe(fault.syndrome()))
        .isEqualTo("read of a page that is --x");
  }

  @Test
  void aTableWhereNoMemoryIsIsReportedAndNotRead() {
    use(4, false);
    link();
    memory.writeLong(entryAt(2), 0xff_ffff_f000L | LINKED);
    assertThat(walker.translate(GPA, Access.READ, fault)).isNegative();
    assertThat(fault.kind()).isEqualTo(FaultRecord.EXTERNAL);
    assertThat(fault.level()).isEqualTo(1);
  }

  @Test
  void aPointerWithAnotherNumberOfLevelsIsRefused() {
    assertThatThrownBy(() -> walker.setEptp(Eptp.of(0, 3, false)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("4 or 5 levels, not 3");
  }

  @Test
  void qualificationsReadAsSentences() {
    assertThat(
            ExitQualification.describe(
                ExitQualification.READ | ExitQualification.WRITE | ExitQualification.LINEAR_VALID))
        .isEqualTo("read write of a guest table in an absent page");
    assertThat(
            ExitQualification.describe(
                ExitQualification.FETCH
                    | ExitQualification.ENTRY_READABLE
                    | ExitQualification.ENTRY_WRITABLE
                    | ExitQualification.LINEAR_VALID
                    | ExitQualification.LINEAR_ACCESS))
        .isEqualTo("fetch of a page that is rw-");
  }

  private int rights(int access) {
    long translation = walker.translate(GPA, access, fault);
    assertThat(Translation.failed(translation)).as("%s", fault).isFalse();
    return Translation.rights(translation);
  }
}
