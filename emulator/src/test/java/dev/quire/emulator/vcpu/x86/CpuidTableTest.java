package dev.quire.emulator.vcpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.mmu.x86.Cr4;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class CpuidTableTest {
  private static final int EAX = 0;
  private static final int EBX = 1;
  private static final int ECX = 2;
  private static final int EDX = 3;

  private final int[] r = new int[4];

  private int[] query(int cpus, int leaf, int subleaf, int apicId) {
    new CpuidTable(cpus).query(leaf, subleaf, apicId, r);
    return r;
  }

  private static String text(int... words) {
    ByteBuffer buffer = ByteBuffer.allocate(4 * words.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int word : words) {
      buffer.putInt(word);
    }
    return new String(buffer.array(), StandardCharsets.US_ASCII);
  }

  private boolean has(int leaf, int register, int bit) {
    query(1, leaf, 0, 0);
    return (r[register] >>> bit & 1) != 0;
  }

  @Test
  void namesAreSpelledOut() {
    query(1, 0, 0, 0);
    assertThat(text(r[EBX], r[EDX], r[ECX])).isEqualTo("GenuineIntel");
    query(1, 0x4000_0000, 0, 0);
    assertThat(text(r[EBX], r[ECX], r[EDX])).isEqualTo("QuireQuireQ!");
    StringBuilder brand = new StringBuilder();
    for (int leaf = 0x8000_0002; leaf <= 0x8000_0004; leaf++) {
      brand.append(text(query(1, leaf, 0, 0)));
    }
    assertThat(brand.toString()).startsWith("Quire virtual x86-64").endsWith("\0").hasSize(48);
  }

  @Test
  void whatTheEngineCannotDoIsNotShown() {
    assertThat(has(1, ECX, 3)).as("MONITOR").isFalse();
    assertThat(has(1, ECX, 5)).as("VMX").isFalse();
    assertThat(has(1, ECX, 12)).as("FMA").isFalse();
    assertThat(has(1, ECX, 21)).as("x2APIC").isFalse();
    assertThat(has(1, ECX, 26)).as("XSAVE").isFalse();
    assertThat(has(1, ECX, 27)).as("OSXSAVE").isFalse();
    assertThat(has(1, ECX, 28)).as("AVX").isFalse();
    assertThat(has(1, ECX, 30)).as("RDRAND").isFalse();
    assertThat(has(7, EBX, 5)).as("AVX2").isFalse();
    assertThat(has(7, EBX, 18)).as("RDSEED").isFalse();
    assertThat(has(0x8000_0001, ECX, 2)).as("SVM").isFalse();
  }

  @Test
  void whatTheMmuCanDoIsShown() {
    assertThat(has(1, ECX, 17)).as("PCID").isTrue();
    assertThat(has(1, ECX, 31)).as("hypervisor").isTrue();
    assertThat(has(1, EDX, 6)).as("PAE").isTrue();
    assertThat(has(1, EDX, 13)).as("PGE").isTrue();
    assertThat(has(7, EBX, 0)).as("FSGSBASE").isTrue();
    assertThat(has(7, EBX, 7)).as("SMEP").isTrue();
    assertThat(has(7, EBX, 10)).as("INVPCID").isTrue();
    assertThat(has(7, EBX, 20)).as("SMAP").isTrue();
    assertThat(has(7, ECX, 16)).as("LA57").isTrue();
    assertThat(has(0x8000_0001, EDX, 20)).as("NX").isTrue();
    assertThat(has(0x8000_0001, EDX, 26)).as("1 GiB pages").isTrue();
    assertThat(has(0x8000_0001, EDX, 29)).as("long mode").isTrue();
    assertThat(query(1, 0x8000_0008, 0, 0)[EAX]).isEqualTo(57 << 8 | 46);
  }

  /** SDM vol. 3A 2.5: which feature flag each bit of CR4 needs. */
  @Test
  void aBitOfCr4CanBeSetIfItsFeatureIsShown() {
    long expected = Cr4.PCE | Cr4.OSXMMEXCPT;
    expected |= has(1, EDX, 1) ? 3 : 0;
    expected |= has(1, EDX, 4) ? Cr4.TSD : 0;
    expected |= has(1, EDX, 2) ? Cr4.DE : 0;
    expected |= has(1, EDX, 3) ? Cr4.PSE : 0;
    expected |= has(1, EDX, 6) ? Cr4.PAE : 0;
    expected |= has(1, EDX, 7) ? Cr4.MCE : 0;
    expected |= has(1, EDX, 13) ? Cr4.PGE : 0;
    expected |= has(1, EDX, 24) ? Cr4.OSFXSR : 0;
    expected |= has(7, ECX, 2) ? 1 << 11 : 0;
    expected |= has(7, ECX, 16) ? Cr4.LA57 : 0;
    expected |= has(1, ECX, 5) ? 1 << 13 : 0;
    expected |= has(1, ECX, 6) ? 1 << 14 : 0;
    expected |= has(7, EBX, 0) ? Cr4.FSGSBASE : 0;
    expected |= has(1, ECX, 17) ? Cr4.PCIDE : 0;
    expected |= has(1, ECX, 26) ? 1 << 18 : 0;
    expected |= has(7, EBX, 7) ? Cr4.SMEP : 0;
    expected |= has(7, EBX, 20) ? Cr4.SMAP : 0;
    expected |= has(7, ECX, 3) ? 1 << 22 : 0;
    assertThat(Cr4.SUPPORTED).isEqualTo(expected);
  }

  @Test
  void timeRunsAtOneGigahertz() {
    query(1, 0x15, 0, 0);
    assertThat(r).containsExactly(1, 1, 1_000_000_000, 0);
    query(1, 0x4000_0010, 0, 0);
    assertThat(r).containsExactly(1_000_000, 1_000_000, 0, 0);
    assertThat(has(0x8000_0007, EDX, 8)).as("invariant TSC").isTrue();
  }

  @Test
  void topologyCountsCoresAndGivesTheApicId() {
    query(6, 1, 0, 5);
    assertThat(r[EBX] >>> 24).isEqualTo(5);
    assertThat(r[EBX] >>> 16 & 0xff).as("addressable processors").isEqualTo(8);
    assertThat(r[EDX] >>> 28 & 1).as("HTT").isEqualTo(1);
    assertThat(query(6, 0xb, 0, 5)).containsExactly(0, 1, 0x100, 5);
    assertThat(query(6, 0xb, 1, 5)).containsExactly(3, 6, 0x201, 5);
    assertThat(query(6, 0xb, 2, 5)).containsExactly(0, 0, 2, 5);
    assertThat(query(1, 0xb, 1, 0)).containsExactly(0, 1, 0x201, 0);
    assertThat(query(1, 1, 0, 0)[EDX] >>> 28 & 1).isZero();
  }

  @Test
  void aLeafBeyondTheLastAnswersAsTheHighestBasicLeaf() {
    int[] highest = query(1, 0x16, 0, 0).clone();
    assertThat(highest).containsExactly(1000, 1000, 100, 0);
    assertThat(query(1, 0x17, 0, 0)).isEqualTo(highest);
    assertThat(query(1, 0x8000_0009, 0, 0)).isEqualTo(highest);
    assertThat(query(1, 0xffff_ffff, 0, 0)).isEqualTo(highest);
    assertThat(query(1, 0x4000_0099, 0, 0)).containsExactly(0, 0, 0, 0);
  }

  @Test
  void cachesEnd() {
    assertThat(query(1, 4, 0, 0)[EAX] & 0x1f).isEqualTo(1);
    assertThat(query(1, 4, 3, 0)[EAX] & 0x1f).isEqualTo(3);
    assertThat(query(1, 4, 4, 0)).containsExactly(0, 0, 0, 0);
  }

  @Test
  void aMachineHasProcessors() {
    assertThatThrownBy(() -> new CpuidTable(0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new CpuidTable(256)).isInstanceOf(IllegalArgumentException.class);
  }
}
