package dev.quire.kernel.mm;

import static dev.quire.kernel.mm.TestKernel.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Which mappings become one, by hand from mm/vma.c. */
class VmaMergeTest {
  private final TestKernel test = TestKernel.of();

  @Test
  void anAdjacentMappingGrowsItsNeighbour() {
    test.map(0, 4, READ_WRITE);
    test.map(4, 4, READ_WRITE);
    assertThat(test.mappings()).containsExactly("0+8 rw-p");
  }

  @Test
  void aMappingThatFillsAHoleJoinsBothSides() {
    test.map(0, 4, READ_WRITE);
    test.map(8, 4, READ_WRITE);
    test.map(4, 4, READ_WRITE);
    assertThat(test.mappings()).containsExactly("0+12 rw-p");
  }

  @Test
  void otherRightsStayApartUntilTheyAreTheSame() {
    test.map(0, 12, READ_WRITE);
    test.protect(4, 4, Mman.PROT_READ);
    assertThat(test.mappings()).containsExactly("0+4 rw-p", "4+4 r--p", "8+4 rw-p");
    test.protect(4, 4, READ_WRITE);
    assertThat(test.mappings()).containsExactly("0+12 rw-p");
  }

  @Test
  void aBorderMovesWhereAPartGetsTheRightsOfItsNeighbour() {
    test.map(0, 8, READ_WRITE);
    test.protect(4, 4, Mman.PROT_READ);
    test.protect(4, 1, READ_WRITE);
    assertThat(test.mappings()).containsExactly("0+5 rw-p", "5+3 r--p");
    test.protect(3, 2, Mman.PROT_READ);
    assertThat(test.mappings()).containsExactly("0+3 rw-p", "3+5 r--p");
  }

  @Test
  void twoFaultedMappingsWithAnonVmasOfTheirOwnDoNotMerge() {
    test.map(0, 4, READ_WRITE);
    test.map(8, 4, READ_WRITE);
    test.write(0, 1);
    test.write(8, 1);
    test.map(4, 4, READ_WRITE);
    assertThat(test.mappings())
        .as("the new one joins the first; the second has another anon_vma")
        .containsExactly("0+8 rw-p", "8+4 rw-p");
  }

  @Test
  void partsOfOneFaultedMappingMergeAgain() {
    test.map(0, 12, READ_WRITE);
    test.write(0, 12);
    test.protect(4, 4, Mman.PROT_READ);
    test.protect(4, 4, READ_WRITE);
    assertThat(test.mappings()).containsExactly("0+12 rw-p");
  }

  @Test
  void aFirstFaultSharesTheNeighboursAnonVmaSoThatTheyMergeLater() {
    test.map(0, 8, READ_WRITE);
    test.protect(4, 4, Mman.PROT_READ | Mman.PROT_WRITE | Mman.PROT_EXEC);
    test.write(0, 1);
    test.write(4, 1);
    test.protect(4, 4, READ_WRITE);
    assertThat(test.mappings()).containsExactly("0+8 rw-p");
  }

  @Test
  void aForkedMappingDoesNotMergeWithAnUnfaultedOne() {
    test.map(0, 4, READ_WRITE);
    test.write(0, 4);
    Process child = test.process.fork();
    int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED;
    child.mmap(TestKernel.at(4), TestKernel.bytes(4), READ_WRITE, flags, null, 0);
    test.map(4, 4, READ_WRITE);
    assertThat(child.smaps()).as("it may map pages of its parent").hasSize(2);
    assertThat(test.mappings()).containsExactly("0+8 rw-p");
  }

  @Test
  void anUnfaultedMappingMergesWhereItIsMovedToAFaultedOneDoesNot() {
    test.map(0, 4, READ_WRITE);
    test.map(20, 4, READ_WRITE);
    test.map(40, 4, READ_WRITE);
    test.write(20, 4);
    test.move(0, 4, 44, 0);
    assertThat(test.mappings()).containsExactly("20+4 rw-p", "40+8 rw-p");
    test.move(20, 4, 48, 0);
    assertThat(test.mappings())
        .as("its page numbers are those of where it was")
        .containsExactly("40+8 rw-p", "48+4 rw-p");
  }

  @Test
  void guardsAreNoReasonToStayApart() {
    test.map(0, 8, READ_WRITE);
    test.protect(4, 4, Mman.PROT_READ);
    test.advise(0, 1, Mman.MADV_GUARD_INSTALL);
    test.protect(4, 4, READ_WRITE);
    assertThat(test.mappings()).containsExactly("0+8 rw-p");
    assertThat(test.process.smaps().getFirst().vmFlags()).contains("gu");
  }

  @Test
  void unmappingTheMiddleLeavesTwo() {
    test.map(0, 12, READ_WRITE);
    test.unmap(4, 4);
    assertThat(test.mappings()).containsExactly("0+4 rw-p", "8+4 rw-p");
  }
}
