package dev.quire.kernel.mm;

import static dev.quire.kernel.mm.TestKernel.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.stat.MthpStat;
import org.junit.jupiter.api.Test;

/** Sizes of anonymous folios, worked out by hand for each algorithm. */
class AnonFaultSizesTest {
  private static KernelConfig series(AnonFaultAlgorithm algorithm) {
    return KernelConfig.of(HostArchitecture.ARM64, HostGranule.BASE_4K, 1 << 15)
        .withAnonFault(algorithm);
  }

  @Test
  void upstreamTakesTheLargestEnabledBlockThatIsFreeAndFits() {
    TestKernel test = TestKernel.of(2, 4, 6);
    test.map(3, 100, READ_WRITE);
    test.write(3, 1);
    test.write(40, 1);
    test.write(17, 1);
    test.write(97, 1);
    assertThat(test.page(3).order()).as("0..3 begins before the mapping").isZero();
    assertThat(test.page(40).order()).as("0..63 does; 32..47 fits").isEqualTo(4);
    assertThat(test.page(17).order()).isEqualTo(4);
    assertThat(test.page(97).order()).as("96..111 ends behind it").isEqualTo(2);
    assertThat(test.process.minorFaults()).isEqualTo(4);
  }

  @Test
  void upstreamGoesDownWhereAnEntryIsSet() {
    TestKernel test = TestKernel.of(2, 4);
    test.map(0, 64, READ_WRITE);
    test.process.touch(TestKernel.at(5), false);
    test.write(8, 1);
    test.write(4, 1);
    assertThat(test.page(8).order()).as("the zero page at 5 bars 0..15").isEqualTo(2);
    assertThat(test.page(4).order()).isZero();
    assertThat(test.page(0)).isNull();
  }

  @Test
  void seriesV1TakesAnyOrderDownFromTheArchitecturesMaximum() {
    TestKernel test = new TestKernel(series(AnonFaultAlgorithm.SERIES_V1));
    test.map(0, 64, READ_WRITE);
    test.write(20, 1);
    test.write(33, 1);
    assertThat(test.page(20).order()).isEqualTo(4);
    assertThat(test.page(33).order()).isEqualTo(4);
    test.unmap(48, 16);
    test.map(52, 12, READ_WRITE);
    test.write(57, 1);
    assertThat(test.page(57).order()).as("48..63 begins before; 56..63 fits").isEqualTo(3);
    test.write(53, 1);
    assertThat(test.page(53).order()).as("order 1 is never used").isEqualTo(2);
    assertThat(test.kernel.counters().snapshot().of(3, MthpStat.ANON_FAULT_ALLOC)).isEqualTo(1);
  }

  @Test
  void seriesV1CopiesBasePagesTheFullRungWholeBlocks() {
    for (AnonFaultAlgorithm algorithm :
        new AnonFaultAlgorithm[] {
          AnonFaultAlgorithm.SERIES_V1, AnonFaultAlgorithm.SERIES_V1_FULL
        }) {
      TestKernel test = new TestKernel(series(algorithm));
      test.map(0, 32, READ_WRITE);
      test.write(0, 32);
      Process child = test.process.fork();
      long before = child.minorFaults();
      for (int i = 0; i < 16; i++) {
        child.touch(TestKernel.at(i), true);
      }
      boolean full = algorithm == AnonFaultAlgorithm.SERIES_V1_FULL;
      assertThat(child.minorFaults() - before).as("%s", algorithm).isEqualTo(full ? 1 : 16);
      assertThat(test.page(0).mapCount()).isEqualTo(1);
      assertThat(test.page(16).mapCount()).isEqualTo(2);
    }
  }

  @Test
  void theFullRungWritesOverZeroPagesInBlocks() {
    TestKernel test = new TestKernel(series(AnonFaultAlgorithm.SERIES_V1_FULL));
    test.map(0, 32, READ_WRITE);
    for (int i = 0; i < 20; i++) {
      test.process.touch(TestKernel.at(i), false);
    }
    test.write(5, 1);
    assertThat(test.orders(0, 16)).containsOnly(4);
    assertThat(test.page(16).kind()).isEqualTo(PageReport.Kind.ZERO);
  }

  @Test
  void readsMapTheZeroPageAndAHugeOneWhereAPmdIsFree() {
    TestKernel test = TestKernel.of(4, 9);
    test.map(0, 520, READ_WRITE);
    test.process.touch(TestKernel.at(7), false);
    test.process.touch(TestKernel.at(515), false);
    assertThat(test.page(300).kind()).isEqualTo(PageReport.Kind.HUGE_ZERO);
    assertThat(test.page(515).kind()).isEqualTo(PageReport.Kind.ZERO);
    assertThat(test.page(516)).isNull();
    test.write(300, 1);
    assertThat(test.page(7).kind()).isEqualTo(PageReport.Kind.ANON);
    assertThat(test.page(7).order()).isEqualTo(9);
  }

  @Test
  void withoutMemoryTheAccessIsKilledAndTheCallAnswers() {
    KernelConfig small = KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 2048);
    TestKernel test = new TestKernel(small);
    test.map(0, 4096, READ_WRITE);
    assertThat(test.advise(0, 4096, Mman.MADV_POPULATE_WRITE)).isEqualTo(-Errno.ENOMEM);
    int signal = 0;
    for (int i = 0; i < 4096 && signal == 0; i++) {
      signal = test.process.touch(TestKernel.at(i), true);
    }
    assertThat(signal).isEqualTo(UserSignal.OOM_KILLED);
    test.unmap(0, 4096);
    test.map(0, 8, READ_WRITE);
    assertThat(test.process.touch(TestKernel.at(0), true)).isZero();
  }
}
