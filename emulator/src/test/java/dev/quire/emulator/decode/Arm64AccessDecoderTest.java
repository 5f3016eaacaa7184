package dev.quire.emulator.decode;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Hand vectors from the Arm ARM (DDI 0487), C6.2 and C7.2. */
class Arm64AccessDecoderTest {
  private static long decode(String word) {
    return Arm64AccessDecoder.decode(Integer.parseUnsignedInt(word, 16));
  }

  @ParameterizedTest
  @CsvSource({
    "f9400020, READ, 8, 1, ldr x0 [x1]",
    "39000020, WRITE, 1, 1, strb w0 [x1]",
    "b8800c20, READ, 4, 1, ldrsw x0 [x1 #0]!",
    "a9bf7bfd, WRITE, 16, 2, stp x29 x30 [sp #-16]!",
    "69400420, READ, 8, 2, ldpsw x0 x1 [x1]",
    "ad400420, READ, 32, 2, ldp q0 q1 [x1]",
    "58000040, READ, 8, 1, ldr x0 literal",
    "c85f7c20, READ, 8, 1, ldxr x0 [x1]",
    "c8027c20, WRITE, 8, 1, stxr w2 x0 [x1]",
    "c87f0c20, READ, 16, 2, ldxp x0 x3 [x1]",
    "c8dffc20, READ, 8, 1, ldar x0 [x1]",
    "889ffc20, WRITE, 4, 1, stlr w0 [x1]",
    "f8210020, READ_WRITE, 8, 1, ldadd x1 x0 [x1]",
    "38e08020, READ_WRITE, 1, 1, swpalb w0 w0 [x1]",
    "c8a27c23, READ_WRITE, 8, 1, cas x2 x3 [x1]",
    "48227c24, READ_WRITE, 16, 2, casp x2 x3 x4 x5 [x1]",
    "f8bfc020, READ, 8, 1, ldapr x0 [x1]",
    "f8400820, READ, 8, 1, ldtr x0 [x1]",
    "4c400020, READ, 64, 4, ld4 v0-v3.16b [x1]",
    "0d40c020, READ, 1, 1, ld1r v0.8b [x1]",
    "3dc00020, READ, 16, 1, ldr q0 [x1]",
    "f9800020, NONE, 0, 0, prfm [x1]",
    "d50b7420, WRITE, 0, 0, dc zva x0",
    "d503201f, NONE, 0, 0, nop",
    "8b000000, NONE, 0, 0, add x0 x0 x0",
    "d50b7a20, NONE, 0, 0, dc cvac x0"
  })
  void accesses(String word, AccessKind kind, int bytes, int registers, String text) {
    long access = decode(word);
    assertThat(Arm64Access.kind(access)).as(text).isEqualTo(kind);
    assertThat(Arm64Access.bytes(access)).as(text).isEqualTo(bytes);
    assertThat(Arm64Access.registers(access)).as(text).isEqualTo(registers);
  }

  @Test
  void orderingExclusivityAndPrivilege() {
    assertThat(Arm64Access.isAcquire(decode("c8dffc20"))).as("ldar").isTrue();
    assertThat(Arm64Access.isRelease(decode("889ffc20"))).as("stlr").isTrue();
    assertThat(Arm64Access.isAcquire(decode("c85ffc20"))).as("ldaxr").isTrue();
    assertThat(Arm64Access.isAcquire(decode("c85f7c20"))).as("ldxr").isFalse();
    assertThat(Arm64Access.isExclusive(decode("c85f7c20"))).as("ldxr").isTrue();
    assertThat(Arm64Access.isExclusive(decode("c8dffc20"))).as("ldar").isFalse();
    assertThat(Arm64Access.isAtomic(decode("f8210020"))).as("ldadd").isTrue();
    long swpal = decode("38e08020");
    assertThat(Arm64Access.isAcquire(swpal) && Arm64Access.isRelease(swpal)).isTrue();
    assertThat(Arm64Access.isUnprivileged(decode("f8400820"))).as("ldtr").isTrue();
    assertThat(Arm64Access.isUnprivileged(decode("f8400020"))).as("ldur").isFalse();
    assertThat(Arm64Access.isVector(decode("3dc00020"))).isTrue();
    assertThat(Arm64Access.isZeroBlock(decode("d50b7420"))).isTrue();
  }

  @Test
  void addresses() {
    Arm64RegisterView registers =
        new Arm64RegisterView() {
          @Override
          public long x(int index) {
            return 0x1000L * index - 0x800;
          }

          @Override
          public long sp() {
            return 0x7_0000;
          }
        };
    assertThat(Arm64Access.address(decode("f9400420"), registers, 0)).isEqualTo(0x808);
    assertThat(Arm64Access.address(decode("a9bf7bfd"), registers, 0)).isEqualTo(0x6_fff0);
    assertThat(Arm64Access.address(decode("a8c17bfd"), registers, 0))
        .as("post-index")
        .isEqualTo(0x7_0000);
    assertThat(Arm64Access.address(decode("58ffffe0"), registers, 0x1000))
        .as("literal, 4 bytes back")
        .isEqualTo(0xffc);
    assertThat(Arm64Access.address(decode("f8627820"), registers, 0))
        .as("ldr x0, [x1, x2, lsl #3]")
        .isEqualTo(0x800 + (0x1800 << 3));
    assertThat(Arm64Access.address(decode("f860c820"), registers, 0))
        .as("ldr x0, [x1, w0, sxtw]")
        .isEqualTo(0);
    assertThat(Arm64Access.address(decode("d50b743f"), registers, 0)).as("dc zva, xzr").isZero();
  }
}
