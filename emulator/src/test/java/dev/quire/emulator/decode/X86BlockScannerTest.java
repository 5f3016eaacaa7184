package dev.quire.emulator.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

class X86BlockScannerTest {
  private final X86BlockScanner scanner = new X86BlockScanner();

  private int scan(String hex) {
    byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
    return scanner.scan(code, code.length, CodeMode.BITS_64);
  }

  @Test
  void instructionsAreCountedAndFoundByOffset() {
    // nop; mov eax,1; add [rdi],eax; ret
    assertThat(scan("90 b801000000 0107 c3")).isEqualTo(4);
    int[] before = {0, 1, 2, 2, 2, 2, 2, 3, 3, 4};
    for (int offset = 0; offset < before.length; offset++) {
      assertThat(scanner.indexOf(offset)).as("offset %d", offset).isEqualTo(before[offset]);
    }
    assertThat(scanner.lastOffset()).isEqualTo(8);
    assertThat(scanner.offsetOf(2)).isEqualTo(6);
    assertThat(scanner.endsWithRep()).isFalse();
    assertThat(scanner.accessesPorts()).isFalse();
  }

  @Test
  void aRepeatedStringAtTheEndIsReportedWithItsCounter() {
    assertThat(scan("90 f348a5")).isEqualTo(2);
    assertThat(scanner.endsWithRep()).isTrue();
    assertThat(scanner.repCounterBytes()).isEqualTo(8);
    assertThat(scanner.lastOffset()).isEqualTo(1);
    scan("f367aa");
    assertThat(scanner.repCounterBytes()).isEqualTo(4);
    scan("f3aa 90");
    assertThat(scanner.endsWithRep()).isFalse();
    assertThat(scanner.repCounterBytes()).isZero();
    scan("f3c3");
    assertThat(scanner.endsWithRep()).as("rep ret").isFalse();
  }

  @Test
  void portInstructionsAndOtherClassesAreSeen() {
    scan("90 ee 90");
    assertThat(scanner.accessesPorts()).isTrue();
    assertThat(scanner.contains(X86InstructionClass.OUT)).isTrue();
    assertThat(scanner.contains(X86InstructionClass.HLT)).isFalse();
    scan("90 90");
    assertThat(scanner.accessesPorts()).as("forgotten by the next scan").isFalse();
  }

  @Test
  void aRestThatIsNoWholeInstructionCountsAsOne() {
    assertThat(scan("90 0f")).isEqualTo(2);
    assertThat(scanner.contains(X86InstructionClass.UNDEFINED)).isTrue();
    assertThat(scan("")).isZero();
    assertThat(scanner.lastOffset()).isZero();
  }

  @Test
  void randomBytesNeverFailAndTheirInstructionsTileTheBlock() {
    Random random = new Random(2);
    X86Decoder decoder = new X86Decoder();
    X86Instruction instruction = new X86Instruction();
    byte[] code = new byte[256];
    for (int run = 0; run < 5_000; run++) {
      random.nextBytes(code);
      int length = random.nextInt(code.length);
      CodeMode mode = CodeMode.values()[random.nextInt(3)];
      int count = scanner.scan(code, length, mode);
      int offset = 0;
      int instructions = 0;
      while (offset < length) {
        int size = decoder.decode(code, offset, length, mode, instruction);
        assertThat(scanner.offsetOf(instructions)).isEqualTo(offset);
        instructions++;
        offset = size < 0 ? length : offset + size;
      }
      assertThat(count).isEqualTo(instructions);
    }
  }

  @Test
  void impossibleLengthsAreRefused() {
    byte[] code = new byte[8];
    assertThatThrownBy(() -> scanner.scan(code, 9, CodeMode.BITS_64))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> scanner.scan(code, -1, CodeMode.BITS_64))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> scanner.offsetOf(0)).isInstanceOf(IndexOutOfBoundsException.class);
  }
}
