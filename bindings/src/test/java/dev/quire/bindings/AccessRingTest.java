package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@link AccessRing} on a real engine. */
class AccessRingTest {
  private static final String LOADS_AND_STORES =
      "48 8b 04 25 00 20 00 00" // mov rax, [0x2000]
          + "48 8b 04 25 f8 2f 00 00" // mov rax, [0x2ff8]
          + "48 89 04 25 10 20 00 00" // mov [0x2010], rax
          + "48 89 04 25 00 30 00 00" // mov [0x3000], rax
          + "48 8b 04 25 fc 3f 00 00" // mov rax, [0x3ffc]: crosses
          + "48 8b 04 25 00 20 00 00" // mov rax, [0x2000]
          + "f4"; // hlt

  private final X86Machine machine = new X86Machine();
  private BlockCounter counter;
  private AccessRing ring;

  /** Everything in the order in which it came, one text for each access. */
  private final List<String> seen = new ArrayList<>();

  private int overflows;

  @BeforeEach
  void count() {
    counter = BlockCounter.forX86(machine.uc, UcX86State.of(machine.uc), (address, bytes) -> 1);
  }

  @AfterEach
  void close() {
    machine.close();
    ring.close();
    counter.close();
  }

  private void record(int records) {
    ring =
        AccessRing.of(
            machine.uc,
            records,
            new AccessRing.Overflow() {
              @Override
              public void access(int write, long pa, int bytes) {
                overflows++;
                take();
                seen.add((write == 1 ? "store " : "load ") + (pa >>> 12));
                if ((pa & 4095) + bytes > 4096) {
                  seen.add("crosses");
                }
              }

              @Override
              public void fetch(long vpn) {
                overflows++;
                take();
                seen.add("fetch " + vpn);
              }
            });
  }

  private void take() {
    long[] records = new long[ring.capacity() * AccessRing.RECORD_LONGS];
    int count = ring.take(records);
    for (int i = 0; i < count; i++) {
      long page = AccessRing.pageNumber(records[2 * i]);
      int kind = AccessRing.kind(records[2 * i]);
      if (kind == AccessRing.KIND_FETCH) {
        seen.add("fetch " + page);
        continue;
      }
      long loads = AccessRing.reads(records[2 * i + 1]);
      long stores = AccessRing.writes(records[2 * i + 1]);
      for (int n = 0; kind == 1 && n < stores; n++) {
        seen.add("store " + page);
      }
      for (int n = 0; n < loads; n++) {
        seen.add("load " + page);
      }
      for (int n = 0; kind == 0 && n < stores; n++) {
        seen.add("store " + page);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 64})
  void everyAccessIsThereInOrderWhateverTheRing(int records) {
    machine.code(LOADS_AND_STORES);
    record(records);
    machine.run();
    take();
    assertThat(seen)
        .containsExactly(
            "fetch 1", "load 2", "load 2", "store 2", "store 3", "load 3", "crosses", "load 2");
    assertThat(overflows).isEqualTo(records == 2 ? 2 : 1);
    assertThat(ring.isEmpty()).isTrue();
  }

  @Test
  void aDivertedRingHoldsNothing() {
    machine.code(LOADS_AND_STORES);
    record(64);
    ring.divert(true);
    machine.run();
    assertThat(ring.isEmpty()).isTrue();
    assertThat(overflows).isEqualTo(7);
    ring.divert(false);
    machine.run();
    assertThat(ring.isEmpty()).isFalse();
    assertThatThrownBy(() -> ring.divert(true)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aBlockThatIsStoppedIsNotFetched() {
    machine.code(LOADS_AND_STORES);
    record(64);
    counter.setDeadline(0);
    machine.run();
    assertThat(counter.takeReason()).isEqualTo(BlockCounter.REASON_DEADLINE);
    assertThat(ring.isEmpty()).isTrue();
    counter.setDeadline(10);
    machine.run();
    take();
    assertThat(seen).startsWith("fetch 1", "load 2");
  }

  @Test
  void aBlockAcrossPagesIsFetchedFromTheSecondOnceItIsThere() {
    // 0x1ffc: mov rax, [0x2000], 8 bytes; 0x2004: mov rax, [0x2000] again; hlt.
    byte[] code = HexFormat.of().parseHex("488b042500200000488b042500200000f4");
    MemorySegment.copy(code, 0, machine.ram, JAVA_BYTE, 0x1ffc, code.length);
    record(64);
    machine.uc.emuStart(0x1ffc, 0, 0, 0);
    take();
    assertThat(seen).containsExactly("fetch 1", "load 2", "load 2");
    assertThat(overflows).as("while the crossing is pending").isEqualTo(2);
    assertThat(ring.fetchPage()).isEqualTo(1);
    assertThat(ring.crossed()).isEqualTo(2);
    seen.clear();
    machine.uc.emuStart(0x1ffc, 0, 0, 0);
    take();
    assertThat(seen).as("the next block begins").startsWith("fetch 2", "fetch 1", "load 2");
    ring.settleCrossing(true);
    assertThat(ring.fetchPage()).isEqualTo(2);
    assertThat(ring.crossed()).isEqualTo(AccessRing.NONE);
    seen.clear();
    machine.uc.emuStart(0x2004, 0, 0, 0);
    take();
    assertThat(seen).as("in the same page").containsExactly("load 2");
    ring.forgetFetchPage();
    seen.clear();
    machine.uc.emuStart(0x2004, 0, 0, 0);
    take();
    assertThat(seen).containsExactly("fetch 2", "load 2");
  }

  @Test
  void deletingTheCountersHookEndsTheRecordingOfFetches() {
    machine.code(LOADS_AND_STORES);
    record(64);
    counter.detach();
    machine.uc.tbFlush();
    machine.run();
    take();
    assertThat(seen).doesNotContain("fetch 1").contains("load 2");
    assertThat(counter.icount()).isZero();
  }

  @Test
  void aRingNeedsRoomForABlock() {
    record(2);
    assertThatThrownBy(() -> AccessRing.of(machine.uc, 1, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2..");
  }
}
