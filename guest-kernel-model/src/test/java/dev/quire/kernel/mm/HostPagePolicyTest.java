package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostPagePolicyTest {
  @Test
  void everyLegalNameIsReadBack() {
    for (String name : HostPagePolicy.names()) {
      assertThat(HostPagePolicy.parse(name)).hasToString(name);
    }
    assertThat(HostPagePolicy.parse("hugetlb-1g").order()).isEqualTo(18);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mthp-16k",
        "mthp-1024k",
        "mthp-all",
        "gmem",
        "shmem",
        "16k:4k",
        "64k:thp",
        "thp+aggregation",
        "mthp-64k+contpte",
        "4k+aggregation+contpte"
      })
  void aKnownPolicyNotModelledYetIsNamedAsSuch(String name) {
    assertThatThrownBy(() -> HostPagePolicy.parse(name))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "host page policy '%s' is not modelled by this version;"
                + " choose one of 4k, thp, hugetlb-2m, hugetlb-1g",
            name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "4K", "mthp-17k", "8k:4k", "hugetlb", "4k+", "thp+magic"})
  void anUnknownPolicyIsRefusedNamingTheLegalOnes(String name) {
    assertThatThrownBy(() -> HostPagePolicy.parse(name))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("unknown host page policy '" + name + "'; choose one of 4k, thp");
  }

  @Test
  void reservedPagesMustDivideTheGuestsMemory() {
    HostPagePolicy.THP.requireMultiple(4096);
    HostPagePolicy.HUGETLB_2M.requireMultiple(64 << 20);
    assertThatThrownBy(() -> HostPagePolicy.HUGETLB_1G.requireMultiple(64 << 20))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("67108864")
        .hasMessageContaining("hugetlb-1g");
  }
}
