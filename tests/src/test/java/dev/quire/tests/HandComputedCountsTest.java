package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.machine.RunResult;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Faults, pages and references of a workload whose heap grows by 2 MiB (512 pages of 4 KiB, mapped
 * on demand), worked out by hand. Guest tables have 4 levels, the kernel reaches memory through 2
 * MiB leaves, the host backs 4 KiB pages through a 4-level second stage.
 *
 * <p>Each page of the heap costs four walks:
 *
 * <pre>
 *                                              stage 1   stage 2
 *  the program's first touch: absent in the
 *  last table                                     4        4*4
 *  the kernel zeroes the page: absent at stage 2  3        3*4 + 4
 *  the same again, now backed                     3        3*4 + 4
 *  the program again: a full nested walk          4        4*4 + 4   = 24 references
 * </pre>
 *
 * The new last-level table is one more page that the kernel zeroes: two walks of 3 and 16. Before
 * it exists the first touch reads one table less (1 and 4), and the first of the new pages finds
 * the second stage's last table absent (1 reference less).
 */
class HandComputedCountsTest {
  private static final long PAGES = 512;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gups-x86_64",
        "stream-x86_64",
        "chase-x86_64",
        "gups-arm64",
        "stream-arm64",
        "chase-arm64"
      })
  void twoMebibytesMoreCostExactlyThis(String guest) {
    RunResult small = Guests.run(guest, 1, "mib=2").result();
    RunResult large = Guests.run(guest, 1, "mib=4").result();
    assertThat(faults(large) - faults(small)).isEqualTo(PAGES);
    long backed = PAGES + 1;
    assertThat(stage2(large) - stage2(small)).isEqualTo(backed);
    assertThat(large.stage2().residentPages() - small.stage2().residentPages()).isEqualTo(backed);

    // A console that is memory costs a walk an access: three tables and the device's absent leaf.
    long mmio = large.vcpus().getFirst().mmioExits() - small.vcpus().getFirst().mmioExits();
    MmuCounters.Snapshot more =
        large.vcpus().getFirst().mmu().minus(small.vcpus().getFirst().mmu());
    assertThat(more.get(MmuEvent.WALK)).isEqualTo(4 * PAGES + 2 + mmio);
    assertThat(more.get(MmuEvent.STAGE1_REFERENCE))
        .isEqualTo((4 + 3 + 3 + 4) * PAGES + (3 + 3) - 1 + 3 * mmio);
    assertThat(more.get(MmuEvent.STAGE2_REFERENCE))
        .isEqualTo((16 + 16 + 16 + 20) * PAGES + (16 + 16) - 4 - 1 + (3 * 4 + 2) * mmio);
  }

  private static long faults(RunResult result) {
    return result.vcpus().getFirst().guestFaults();
  }

  private static long stage2(RunResult result) {
    return result.vcpus().getFirst().stage2Faults();
  }
}
