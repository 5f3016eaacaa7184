package dev.quire.emulator.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class X86FatalEncodingsTest {
  @ParameterizedTest
  @CsvSource({
    "f0 0f a3 c0, 1",
    "f0 0f ab c1, 1",
    "f0 0f b3 ff, 1",
    "f0 0f bb c0, 1",
    "f0 0f ba e0 01, 1",
    "f0 0f ba f8 01, 1",
    "90 f0 49 0f bb d1, 3",
    "f0 66 f2 2e 0f a3 c0, 4",
    "66 f0 0f a3 c0, 2",
    "f0 49 46 0f bb d1, 3",
    "0f a3 c0, -1",
    "f0 0f a3 07, -1",
    "f0 0f ba 27 01, -1",
    "f0 0f ba c0 01, -1",
    "f0 90 0f a3 c0, -1",
    "f0 0f b1 c0, -1",
    "f0 0f a3, -1",
    "90, -1",
    "'', -1",
    "f0 0f a3 07 f0 0f a3 c0, 5"
  })
  void lockedBitTestsOfRegistersAreFound(String hex, int expected) {
    byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
    assertThat(X86FatalEncodings.find(code, 0, code.length)).isEqualTo(expected);
    assertThat(X86FatalEncodings.find(code, expected + 1, code.length)).isEqualTo(-1);
  }

  @ParameterizedTest
  @CsvSource({
    "f0 0f a3 c0, true",
    "f0 49 46 0f bb d1, true",
    "f0 0f ba e0 01, true",
    "0f a3 c0, false",
    "f0 0f a3 07, false",
    "f0 0f ba 27 01, false",
    "f0 01 07, false"
  })
  void theSameIsKnownOfADecodedInstruction(String hex, boolean expected) {
    byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
    X86Instruction instruction = new X86Instruction();
    new X86Decoder().decode(code, 0, code.length, CodeMode.BITS_64, instruction);
    assertThat(X86FatalEncodings.isFatal(instruction)).isEqualTo(expected);
  }
}
