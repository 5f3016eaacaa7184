package dev.quire.emulator.decode;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The words are what GNU as makes of the text behind them. */
class Arm64InstructionKindsTest {
  private static int word(String hex) {
    return Integer.parseUnsignedInt(hex, 16);
  }

  @ParameterizedTest
  @CsvSource({
    "910003bf, 'mov sp, x29', true",
    "9100403f, 'add sp, x1, #16', true",
    "910023ff, 'add sp, sp, #8', true",
    "d13fe3ff, 'sub sp, sp, #0xff8', true",
    "cb2163ff, 'sub sp, sp, x1', true",
    "927cec3f, 'and sp, x1, #~15', true",
    "b240003f, 'orr sp, x1, #1', true",
    "f84087e1, 'ldr x1, [sp], #8', true",
    "f81e8fe1, 'str x1, [sp, #-24]!', true",
    "29bf0be1, 'stp w1, w2, [sp, #-8]!', true",
    "0cdf73e0, 'ld1 {v0.8b}, [sp], #8', true",
    "f8201fe1, 'ldraa x1, [sp, #8]!', true",
    "d50040bf, 'msr spsel, #0', true",
    "d5184201, 'msr spsel, x1', true",
    "910043ff, 'add sp, sp, #16', false",
    "d14007ff, 'sub sp, sp, #1, lsl #12', false",
    "910023e1, 'add x1, sp, #8', false",
    "b10023e1, 'adds x1, sp, #8', false",
    "f10023ff, 'cmp sp, #8', false",
    "f240003f, 'tst x1, #1', false",
    "f94007e1, 'ldr x1, [sp, #8]', false",
    "acc087e0, 'ldp q0, q1, [sp], #16', false",
    "a8c10be1, 'ldp x1, x2, [sp], #16', false",
    "a9be7bfd, 'stp x29, x30, [sp, #-32]!', false",
    "29be0be1, 'stp w1, w2, [sp, #-16]!', false",
    "f8408441, 'ldr x1, [x2], #8', false",
    "f81f0fe1, 'str x1, [sp, #-16]!', false",
    "aa0103ff, 'mov xzr, x1', false",
    "d503201f, 'nop', false",
    "eb22603f, 'cmp x1, x2, uxtx', false",
  })
  void whatMayMisalignTheStackPointer(String hex, String text, boolean expected) {
    assertThat(Arm64InstructionKinds.mayMisalignStackPointer(word(hex)))
        .as(text)
        .isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "9e670000, 'fmov d0, x0', true",
    "3dc00000, 'ldr q0, [x0]', true",
    "0c007000, 'st1 {v0.8b}, [x0]', true",
    "d53b4400, 'mrs x0, fpcr', true",
    "d51b4420, 'msr fpsr, x0', true",
    "6d400400, 'ldp d0, d1, [x0]', true",
    "4ea28420, 'add v0.4s, v1.4s, v2.4s', true",
    "4e284820, 'aese v0.16b, v1.16b', true",
    "1e7e0020, 'fjcvtzs w0, d1', true",
    "f9400020, 'ldr x0, [x1]', false",
    "f9800000, 'prfm pldl1keep, [x0]', false",
    "d53b4200, 'mrs x0, nzcv', false",
    "1ac24020, 'crc32b w0, w1, w2', false",
    "f8200041, 'ldadd x0, x1, [x2]', false",
  })
  void whatTouchesFloatingPointState(String hex, String text, boolean expected) {
    assertThat(Arm64InstructionKinds.isFloatingPoint(word(hex))).as(text).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "f9400020, 'ldr x0, [x1]', 8",
    "39400020, 'ldrb w0, [x1]', 1",
    "a9400820, 'ldp x0, x2, [x1]', 8",
    "29400820, 'ldp w0, w2, [x1]', 4",
    "3dc00000, 'ldr q0, [x0]', 16",
    "ad000400, 'stp q0, q1, [x0]', 16",
    "4c407000, 'ld1 {v0.16b}, [x0]', 1",
    "4c407c00, 'ld1 {v0.2d}, [x0]', 8",
    "0d408000, 'ld1 {v0.s}[0], [x0]', 4",
    "f9800000, 'prfm pldl1keep, [x0]', 1",
    "d50b7420, 'dc zva, x0', 1",
    "d503201f, 'nop', 1",
  })
  void whatAnAccessIsAlignedTo(String hex, String text, int expected) {
    assertThat(Arm64InstructionKinds.alignmentBytes(word(hex))).as(text).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "d69f03e0, 'eret', true",
    "d69f0bff, 'eretaa', true",
    "d69f0fff, 'eretab', true",
    "d65f03c0, 'ret', false",
    "d65f0bff, 'retaa', false",
  })
  void exceptionReturns(String hex, String text, boolean expected) {
    assertThat(Arm64InstructionKinds.isExceptionReturn(word(hex))).as(text).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "d53b2400, 'mrs x0, rndr', true",
    "d53b243f, 'mrs xzr, rndrrs', true",
    "d53b4200, 'mrs x0, nzcv', false",
  })
  void randomNumbers(String hex, String text, boolean expected) {
    assertThat(Arm64InstructionKinds.isRandomNumber(word(hex))).as(text).isEqualTo(expected);
  }
}
