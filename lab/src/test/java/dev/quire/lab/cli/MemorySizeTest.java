package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MemorySizeTest {
  @ParameterizedTest
  @CsvSource({
    "2M,2097152",
    "64m,67108864",
    "2G,2147483648",
    "65536K,67108864",
    "2GiB,2147483648",
    "4194304,4194304",
    "256G,274877906944",
    "2052K,2101248",
  })
  void unitsAreBinary(String text, long bytes) {
    assertThat(MemorySize.parse(text).bytes()).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "M",
        "1T",
        "1.5G",
        "0",
        "2047K",
        "1M",
        "257G",
        "-1M",
        "2097153",
        "9223372036854775807",
        "9999999999999999999999M",
        "1 M",
        "0x100000",
      })
  void anythingElseIsRefused(String text) {
    assertThatThrownBy(() -> MemorySize.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + text + "'");
  }

  @Property(seed = "20261121")
  void textReadsBackAsTheSameSize(@ForAll @LongRange(min = 512, max = 1 << 26) long pages) {
    MemorySize size = new MemorySize(pages * 4096);
    assertThat(MemorySize.parse(size.toString())).isEqualTo(size);
  }
}
