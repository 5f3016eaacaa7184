package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TlbFlushesTest {
  private final KernelCounters counters = new KernelCounters();

  private long count(Primitive primitive) {
    return counters.snapshot().of(primitive);
  }

  /** tlb_single_page_flush_ceiling is 33; MAX_DVM_OPS is the number of entries of a table. */
  @ParameterizedTest
  @CsvSource({
    "X86_64, 1, 1",
    "X86_64, 33, 33",
    "X86_64, 34, 0",
    "ARM64, 34, 34",
    "ARM64, 511, 511",
    "ARM64, 512, 0"
  })
  void manyEntriesAreFlushedAllAtOnce(HostArchitecture architecture, int pages, int singles) {
    TlbFlushes tlb = new TlbFlushes(counters, architecture, 12, 21);
    tlb.range(1, 0x1000, 0x1000 + ((long) pages << 12), 0, false);
    assertThat(count(Primitive.TLB_FLUSH)).isEqualTo(1);
    assertThat(count(Primitive.TLB_FLUSH_PAGE)).isEqualTo(singles);
    tlb.range(1, 0, 2L << 21, 1, false);
    assertThat(count(Primitive.TLB_FLUSH_PAGE)).isEqualTo(singles + 2);
  }

  @ParameterizedTest
  @CsvSource({"X86_64, false, 1", "X86_64, true, 1", "ARM64, false, 0", "ARM64, true, 1"})
  void anAddressSpaceThatGoes(HostArchitecture architecture, boolean tablesFreed, int flushes) {
    TlbFlushes tlb = new TlbFlushes(counters, architecture, 12, 21);
    tlb.all(1, tablesFreed);
    assertThat(count(Primitive.TLB_FLUSH)).isEqualTo(flushes);
  }
}
