package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Names of host kernels, and what each can do. */
class KernelProfileTest {
  @ParameterizedTest
  @CsvSource({
    "linux-6.18, false, false, false",
    "linux-7.1, false, true, false",
    "rfc-write, true, false, false",
    "linux-6.18+memory-attributes, false, false, true",
    "linux-7.1+memory-attributes, false, true, true",
    "rfc-write+memory-attributes, true, false, true",
  })
  void aNameSaysWhatTheKernelCan(String name, boolean write, boolean uffd, boolean attributes) {
    KernelProfile profile = KernelProfile.parse(name);
    assertThat(profile).hasToString(name);
    assertThat(profile.guestMemfdWrite()).isEqualTo(write);
    assertThat(profile.guestMemfdUserfaultfd()).isEqualTo(uffd);
    assertThat(profile.memoryAttributes()).isEqualTo(attributes);
  }

  @Test
  void allNamesAreLegal() {
    assertThat(KernelProfile.names())
        .hasSize(6)
        .allSatisfy(name -> assertThat(KernelProfile.parse(name)).hasToString(name));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "linux",
        "linux-6.19",
        "Linux-6.18",
        "+memory-attributes",
        "linux-7.1+memory-attributes+memory-attributes",
        "rfc-write "
      })
  void otherNamesAreRefusedWithTheLegalOnes(String name) {
    assertThatThrownBy(() -> KernelProfile.parse(name))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("unknown host kernel '" + name + "'; choose one of linux-6.18, ")
        .hasMessageContaining("rfc-write+memory-attributes");
  }
}
