package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.VmEvent;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AnonMigrationTest {
  private static final int HUGE = 512;

  private final TestKernel test = TestKernel.of(9, 4);
  private final AnonMigration migration = new AnonMigration(test.kernel);

  private long pfn(int page) {
    return test.page(page).pfn();
  }

  private static PageReport page(Process process, int page) {
    List<PageReport> found = new ArrayList<>();
    process.pagemap(TestKernel.at(page), 4096, (address, report) -> found.add(report));
    return found.getFirst();
  }

  private long event(VmEvent event) {
    return test.kernel.counters().snapshot().of(event);
  }

  @Test
  void aHugePageThatAChildShares() {
    test.map(0, HUGE, TestKernel.READ_WRITE);
    test.write(0, 1);
    Process child = test.process.fork();
    final long free = test.free();
    final long old = pfn(0);
    assertThat(migration.migrate(old + 3)).isTrue();
    assertThat(pfn(0)).isNotEqualTo(old).isEqualTo(page(child, 0).pfn());
    assertThat(test.page(0).huge()).isTrue();
    assertThat(test.page(0).mapCount()).isEqualTo(2);
    assertThat(event(VmEvent.PGMIGRATE_SUCCESS)).isEqualTo(HUGE);
    assertThat(event(VmEvent.THP_MIGRATION_SUCCESS)).isEqualTo(1);
    assertThat(test.free()).isEqualTo(free);
    long shared = pfn(0);
    child.touch(TestKernel.at(0), true);
    assertThat(page(child, 0).pfn()).isNotEqualTo(shared);
    child.exit();
    test.write(0, 1);
    assertThat(pfn(0)).isEqualTo(shared);
  }

  /** Parts with rights of their own: the folio is mapped by PTEs, as a whole all the same. */
  @Test
  void aHugePageThatPtesMap() {
    test.map(0, HUGE, TestKernel.READ_WRITE);
    test.write(0, HUGE);
    test.protect(0, 1, Mman.PROT_READ);
    final long old = pfn(0);
    assertThat(test.page(7).huge()).isFalse();
    assertThat(migration.migrate(old)).isTrue();
    assertThat(pfn(0)).isNotEqualTo(old);
    assertThat(pfn(HUGE - 1)).isEqualTo(pfn(0) + HUGE - 1);
    assertThat(test.orders(0, 2)).containsExactly(9, 9);
    final long moved = pfn(0);
    test.protect(0, 1, TestKernel.READ_WRITE);
    // Exclusive pages stay so: nothing is copied.
    test.write(0, 2);
    assertThat(pfn(0)).isEqualTo(moved);
  }

  /** Linux splits what is on the deferred split queue, and moves the parts. */
  @Test
  void aHugePageThatIsMappedInPart() {
    test.map(0, HUGE, TestKernel.READ_WRITE);
    test.write(0, HUGE);
    test.unmap(100, 200);
    final long old = pfn(0);
    assertThat(migration.migrate(old + 5)).isTrue();
    assertThat(test.orders(0, 2)).containsExactly(0, 0);
    assertThat(pfn(5)).isNotEqualTo(old + 5);
    assertThat(event(VmEvent.PGMIGRATE_SUCCESS)).isEqualTo(HUGE - 200);
    assertThat(test.kernel.counters().snapshot().of(9, MthpStat.NR_ANON)).isZero();
  }

  @Test
  void whatSomebodyElseHoldsStays() {
    test.map(0, 1, TestKernel.READ_WRITE);
    test.write(0, 1);
    final long old = pfn(0);
    test.kernel.folios().lru().drain();
    test.kernel.folios().get(old, 1);
    assertThat(migration.migrate(old)).isFalse();
    assertThat(pfn(0)).isEqualTo(old);
    assertThat(event(VmEvent.PGMIGRATE_FAIL)).isEqualTo(1);
    test.kernel.folios().put(old, 1);
  }
}
