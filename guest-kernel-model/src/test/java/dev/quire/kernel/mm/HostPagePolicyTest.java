package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HostPagePolicyTest {
  @ParameterizedTest
  @CsvSource({
    "4k,                      0x1,     false",
    "thp,                     0x200,   false",
    "mthp-16k,                0x4,     false",
    "mthp-64k,                0x10,    false",
    "mthp-1024k,              0x100,   false",
    "mthp-all,                0x3fc,   false",
    "hugetlb-2m,              0x200,   true",
    "hugetlb-1g,              0x40000, true",
    "gmem,                    0x1,     false",
    "shmem,                   0x1,     false",
    "16k:16k,                 0x4,     false",
    "16k:thp,                 0x2000,  false",
    "16k:mthp-64k,            0x10,    false",
    "16k:mthp-all,            0x3ff0,  false",
    "16k:hugetlb-2m,          0x200,   true",
    "64k:64k,                 0x10,    false",
    "64k:thp,                 0x20000, false",
    "64k:mthp-256k,           0x40,    false",
    "mthp-64k+aggregation,    0x10,    false",
    "thp+aggregation,         0x200,   false",
    "mthp-64k+contpte,        0x10,    false",
    "16k:hugetlb-2m+contpte,  0x200,   true",
  })
  void everyLegalNameIsReadBack(String name, String folioOrders, boolean reserved) {
    HostPagePolicy policy = HostPagePolicy.parse(name);
    assertThat(policy).hasToString(name);
    assertThat(policy.folioOrders()).isEqualTo(Integer.decode(folioOrders));
    assertThat(policy.reserved()).isEqualTo(reserved);
    assertThat(policy.aggregation()).isEqualTo(name.contains("+aggregation"));
    assertThat(policy.contpte()).isEqualTo(name.contains("+contpte"));
  }

  @Test
  void theListedNamesAreTheLegalOnes() {
    for (HostGranule granule : HostGranule.values()) {
      String prefix = granule == HostGranule.BASE_4K ? "" : granule + ":";
      for (String name : HostPagePolicy.names(granule)) {
        assertThat(HostPagePolicy.parse(prefix + name).granule()).isEqualTo(granule);
      }
    }
    assertThat(HostPagePolicy.names(HostGranule.BASE_64K))
        .containsExactly(
            "64k",
            "thp",
            "mthp-256k",
            "mthp-512k",
            "mthp-1024k",
            "mthp-all",
            "hugetlb-2m",
            "gmem",
            "shmem");
  }

  @Test
  void suffixesComeInEitherOrderOnce() {
    assertThat(HostPagePolicy.parse("mthp-64k+contpte+aggregation"))
        .isEqualTo(HostPagePolicy.parse("mthp-64k+aggregation+contpte"));
    assertThatThrownBy(() -> HostPagePolicy.parse("mthp-64k+contpte+contpte"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "4K",
        "mthp-17k",
        "mthp-2048k",
        "8k:4k",
        "16k:4k",
        "16k:mthp-32k",
        "64k:hugetlb-1g",
        "4k:4k",
        "hugetlb",
        "4k+",
        "thp+magic",
        "+contpte"
      })
  void anUnknownPolicyIsRefusedNamingTheLegalOnes(String name) {
    assertThatThrownBy(() -> HostPagePolicy.parse(name))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("unknown host page policy '" + name + "'; choose one of ")
        .hasMessageContaining("thp, mthp-")
        .hasMessageEndingWith("with the suffixes +aggregation and +contpte or without");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "4k+contpte",
        "mthp-16k+contpte",
        "thp+contpte",
        "hugetlb-1g+contpte",
        "16k:mthp-1024k+contpte"
      })
  void theContiguousBitNeedsFoliosThatMakeAGroup(String name) {
    assertThatThrownBy(() -> HostPagePolicy.parse(name))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("+contpte goes with ");
  }

  @Test
  void anX86HostHasNeitherOtherGranulesNorTheContiguousBit() {
    HostPagePolicy.parse("mthp-64k+aggregation").requireArchitecture(HostArchitecture.X86_64);
    HostPagePolicy.parse("16k:mthp-64k+aggregation").requireArchitecture(HostArchitecture.ARM64);
    for (String name : new String[] {"16k:thp", "mthp-64k+contpte"}) {
      assertThatThrownBy(
              () -> HostPagePolicy.parse(name).requireArchitecture(HostArchitecture.X86_64))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("arm64's; for x86_64 choose one of 4k, thp, mthp-16k");
    }
  }

  @Test
  void reservedPagesMustDivideTheGuestsMemory() {
    HostPagePolicy.THP.requireMultiple(4096);
    HostPagePolicy.HUGETLB_2M.requireMultiple(64 << 20);
    assertThatThrownBy(() -> HostPagePolicy.HUGETLB_1G.requireMultiple(64 << 20))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("67108864")
        .hasMessageContaining("hugetlb-1g");
    assertThatThrownBy(() -> HostPagePolicy.parse("16k:thp").requireMultiple(4096))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("16384-byte");
  }
}
