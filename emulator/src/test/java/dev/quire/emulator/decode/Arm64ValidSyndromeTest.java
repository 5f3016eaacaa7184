package dev.quire.emulator.decode;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Words from an assembler; the rule is the Arm ARM's, ESR_EL2.ISV of a data abort. */
class Arm64ValidSyndromeTest {
  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "ldr x2 [x0], f9400002",
    "ldrsw x2 [x0], b9800002",
    "strh wzr [x0], 7900001f",
    "ldur x2 [x0 #-8], f85f8002",
    "ldr x2 [x0 x1 lsl #3], f8617802",
    "ldtrsh x2 [x0], 78800802",
    "sttr w2 [x0], b8000802",
    "ldr x2 label, 58000002",
    "ldar w2 [x0], 88dffc02",
    "stlr x2 [x0], c89ffc02",
    "ldlar x2 [x0], c8df7c02",
    "ldapr x2 [x0], f8bfc002",
    "ldapur x2 [x0 #8], d9408002",
    "ldraa x2 [x0], f8200402",
  })
  void oneRegister(String name, String word) {
    assertThat(Arm64ValidSyndrome.isLeftBy(Integer.parseUnsignedInt(word, 16))).isTrue();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "ldp x2 x3 [x0], a9400c02",
    "stnp x2 x3 [x0], a8000c02",
    "ldpsw x2 x3 [x0], 69400c02",
    "ldr x2 [x0] #8, f8408402",
    "ldr x2 [x0 #8]!, f8408c02",
    "strb w2 [x0] #1, 38001402",
    "ldraa x2 [x0]!, f8200c02",
    "ldxr x2 [x0], c85f7c02",
    "stlxr w1 x2 [x0], c801fc02",
    "ldadd x1 x2 [x0], f8210002",
    "swp x1 x2 [x0], f8218002",
    "cas x1 x2 [x0], c8a17c02",
    "ldr q2 [x0], 3dc00002",
    "str b2 [x0 x1], 3c216802",
    "ldr d2 label, 5c000002",
    "ld1 {v2.16b} [x0], 4c407002",
    "st1 {v2.b}[0] [x0], 0d000002",
    "dc zva x0, d50b7420",
    "stg x2 [x0], d9200802",
    "ldg x2 [x0], d9600002",
    "prfm pldl1keep [x0], f9800000",
    "nop, d503201f",
  })
  void others(String name, String word) {
    assertThat(Arm64ValidSyndrome.isLeftBy(Integer.parseUnsignedInt(word, 16))).isFalse();
  }
}
