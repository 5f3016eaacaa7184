package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.restore.PageFault;
import dev.quire.emulator.restore.Populator;
import dev.quire.emulator.restore.RestoreRefusedException;
import dev.quire.emulator.restore.RestoreResult;
import dev.quire.emulator.restore.RestoreSettings;
import dev.quire.emulator.restore.RestoreStrategies;
import dev.quire.emulator.restore.RestoreTally.Item;
import dev.quire.emulator.restore.RestoreTimeline;
import dev.quire.emulator.restore.UffdHandler;
import dev.quire.emulator.restore.UffdOps;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.tests.RestoredGuests.Footprint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What each strategy must count, worked out by hand from three numbers: N pages of memory, of which
 * the rest of the guest's run touches T and writes W.
 */
class RestoreCountsTest {
  private static final long N = Guests.MEMORY_BYTES / 4096;

  /** One entry for 2 MiB. */
  private static final long BLOCKS = N / 512;

  @TempDir static Path folder;

  private static Snapshot snapshot;
  private static Footprint rest;
  private static long touched;
  private static long written;

  @BeforeAll
  static void takeSnapshot() throws IOException {
    snapshot = RestoredGuests.snapshot("faults-x86_64", 1, "", folder.resolve("s"));
    rest = RestoredGuests.footprint(snapshot);
    touched = rest.pages();
    written = rest.writtenPages();
    assertThat(written).isPositive().isLessThan(touched);
  }

  private static RestoreResult restore(String strategy, String pages) {
    return RestoredGuests.restore(snapshot, strategy, RestoredGuests.settings(pages));
  }

  private static void assertCounts(
      RestoreResult result, long faults, long clears, long copies, long ptes, long inserts) {
    assertThat(result.total().of(Item.FAULTS)).as("faults").isEqualTo(faults);
    assertThat(result.total().of(Item.CLEARS)).as("clears").isEqualTo(clears);
    assertThat(result.copies()).as("copies").isEqualTo(copies);
    assertThat(result.total().of(Item.PTES)).as("PTEs").isEqualTo(ptes);
    assertThat(result.total().of(Item.CACHE_INSERTS)).as("inserts").isEqualTo(inserts);
  }

  private static void assertStage2(RestoreResult result, long faults, long waits) {
    assertThat(result.run().stage2().faults() - result.run().stage2().mmioExits())
        .as("stage-2 faults")
        .isEqualTo(faults);
    assertThat(result.run().stage2().waits()).as("waits").isEqualTo(waits);
    assertThat(result.messages()).as("messages").isEqualTo(waits);
    assertTimeline(result);
  }

  /** Each fault that is counted has its moment, those that KVM tried again too. */
  private static void assertTimeline(RestoreResult result) {
    RestoreTimeline timeline = result.timeline();
    assertThat(
            IntStream.range(0, timeline.size())
                .filter(event -> timeline.who(event) == RestoreTimeline.FAULT)
                .count())
        .as("faults in the timeline")
        .isEqualTo(result.run().stage2().faults() - result.run().stage2().mmioExits());
  }

  /** write(2) puts N pages into the file and copies; KVM takes them from there, without a PTE. */
  @Test
  void eagerWrite() {
    RestoreResult result = restore("eager-write", "gmem");
    assertCounts(result, 0, 0, N, 0, N);
    assertStage2(result, touched, 0);
    assertThat(result.timeline().populatedBy(Populator.EAGER)).isEqualTo(N);
  }

  /** Each page is faulted in, cleared, mapped, and copied over. */
  @Test
  void eagerMemcpy() {
    RestoreResult result = restore("eager-memcpy", "gmem");
    assertCounts(result, N, N, N, N, N);
    assertThat(result.total().of(Item.FAULT_ENTRIES)).isEqualTo(N);
    assertStage2(result, touched, 0);
  }

  /** The same without exceptions. */
  @Test
  void populateWrite() {
    RestoreResult result = restore("populate-write", "4k");
    assertCounts(result, N, N, N, N, 0);
    assertThat(result.total().of(Item.FAULT_ENTRIES)).isZero();
    assertStage2(result, touched, 0);
  }

  /** And with all of the second stage. */
  @Test
  void prefault() {
    RestoreResult result = restore("prefault", "4k");
    assertCounts(result, N, N, N, N, 0);
    assertStage2(result, 0, 0);
    assertThat(result.run().stage2().preFaults()).isEqualTo(N);
    assertThat(result.run().stage2().leavesInstalled()[0]).isEqualTo(N);
  }

  /**
   * A page touched is a message and a UFFDIO_COPY. The kernel has cleared a page before it finds
   * that a write is userfaultfd's (do_anonymous_page), so first writes cost a clear too.
   */
  @Test
  void uffdCopy() {
    Writes handler = new Writes();
    RestoreResult result =
        RestoredGuests.restore(
            snapshot, "uffd-copy", RestoredGuests.settings("4k").withHandler(answer -> handler));
    assertCounts(result, 0, handler.writes, touched, touched, 0);
    assertStage2(result, touched, touched);
    assertThat(result.uffdIoctls()).isEqualTo(touched);
    assertThat(result.timeline().populatedBy(Populator.HANDLER)).isEqualTo(touched);
    assertThat(handler.asked).isEqualTo(rest.touched());
  }

  /** A handler of one's own. */
  private static final class Writes implements UffdHandler {
    private final BitSet asked = new BitSet();
    private int writes;

    @Override
    public String name() {
      return "writes";
    }

    @Override
    public void fault(PageFault fault, UffdOps ops) {
      asked.set((int) (fault.gpa() >>> 12));
      writes += fault.write() ? 1 : 0;
      ops.copy(fault.address(), ops.layout().fileOffsetOf(fault.address()), 4096);
    }
  }

  /** write(2) to the memfd, then one PTE a page by UFFDIO_CONTINUE. */
  @Test
  void uffdContinue() {
    RestoreResult result = restore("uffd-continue", "shmem");
    assertCounts(result, 0, 0, touched, touched, touched);
    assertStage2(result, touched, touched);
    assertThat(result.uffdIoctls()).isEqualTo(touched);
  }

  /** A guest_memfd has no write(2) there: the handler's own mapping faults, clears, maps. */
  @Test
  void uffdContinueOfGuestMemfd() {
    RestoreResult result = restore("uffd-continue", "gmem");
    assertCounts(result, touched, touched, touched, 2 * touched, touched);
    assertStage2(result, touched, touched);
  }

  /** Every page written is copied out of the page cache once, and nothing else is. */
  @Test
  void demand() {
    RestoreResult result = restore("demand", "4k");
    assertTimeline(result);
    assertThat(result.run().stage2().retries()).isPositive();
    assertThat(result.copies()).isEqualTo(written);
    assertThat(result.total().of(Item.KERNEL_COPIES)).isEqualTo(written);
    assertThat(result.total().of(Item.CLEARS)).isZero();
    assertThat(result.total().of(Item.MAJOR_FAULTS)).isPositive();
    assertThat(result.restored().of(Item.FAULTS)).isZero();
    assertThat(result.timeline().populatedBy(Populator.VCPU_FAULT)).isEqualTo(touched);
    assertThat(result.messages()).isZero();
  }

  /** 2 MiB a message; the copy is of all of it. */
  @Test
  void uffdCopyOfHugePages() {
    RestoreResult result = restore("uffd-copy", "hugetlb-2m");
    assertThat(result.messages()).isEqualTo(rest.blocks());
    assertThat(result.total().of(Item.USER_COPIES)).isEqualTo(512L * rest.blocks());
    assertThat(result.run().stage2().leavesInstalled()[9]).isEqualTo(rest.blocks());
    assertThat(result.run().stage2().leavesInstalled()[0]).isZero();
  }

  /** UFFDIO_COPY makes no huge page, whatever the policy. */
  @Test
  void userfaultfdNeverMakesTransparentHugePages() {
    RestoreResult result = restore("uffd-copy", "thp");
    assertThat(result.messages()).isEqualTo(touched);
    assertThat(result.run().stage2().leavesInstalled()[0]).isEqualTo(touched);
    assertThat(result.run().stage2().leavesInstalled()[9]).isZero();
    RestoreResult populated = restore("populate-write", "thp");
    assertThat(populated.total().of(Item.FAULTS)).isEqualTo(BLOCKS);
    assertThat(populated.run().stage2().leavesInstalled()[9]).isEqualTo(rest.blocks());
  }

  @Test
  void loggingDirtyPagesMapsThemOneByOne() {
    RestoreSettings plain = RestoredGuests.settings("thp");
    RestoreSettings logging =
        new RestoreSettings(
            plain.hostPages(), null, 1, plain.deadline(), 512, false, true, plain.costs());
    RestoreResult result = RestoredGuests.restore(snapshot, "populate-write", logging);
    assertThat(result.run().stage2().leavesInstalled()[9]).isZero();
    assertThat(result.run().stage2().leavesInstalled()[0]).isGreaterThanOrEqualTo(touched);
  }

  @ParameterizedTest
  @CsvSource({
    "eager-write, 4k, linux-6.18, needs a file",
    "eager-write, gmem, linux-6.18, --host-kernel rfc-write",
    "eager-write, gmem, linux-7.1, --host-kernel rfc-write",
    "uffd-copy, gmem, linux-6.18, choose one of 4k",
    "uffd-continue, 4k, linux-6.18, EINVAL",
    "uffd-continue, gmem, linux-6.18, --host-kernel linux-7.1",
    "uffd-continue, gmem, rfc-write, --host-kernel linux-7.1",
    "demand, hugetlb-2m, linux-6.18, uffd-copy",
    "demand, shmem, linux-6.18, private mapping",
  })
  void whatLinuxRefusesIsRefused(String strategy, String pages, String kernel, String part) {
    assertThatThrownBy(
            () ->
                RestoreStrategies.named(strategy)
                    .check(HostPagePolicy.parse(pages), KernelProfile.parse(kernel)))
        .isInstanceOf(RestoreRefusedException.class)
        .hasMessageContaining(strategy)
        .hasMessageContaining(part);
  }
}
