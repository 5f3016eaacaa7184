package dev.quire.emulator.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What each handler that ships asks the kernel for. */
class ShippedHandlersTest {
  private final FakeMemory memory = new FakeMemory();
  private HandlerThreads threads;

  @TempDir Path folder;

  private void open(UffdHandler handler) {
    threads = new HandlerThreads(handler, 1, Duration.ofSeconds(10), memory, () -> false);
    threads.turn("start", UffdHandler::open);
  }

  private void fault(int page) {
    PageFault fault = FakeMemory.fault(page);
    assertThat(memory.isThere(fault)).as("page %d", page).isFalse();
    threads.turn("fault", (handler, ops) -> handler.fault(fault, ops));
    assertThat(memory.isThere(fault)).as("page %d", page).isTrue();
    threads.turn("idle", UffdHandler::idle);
  }

  @AfterEach
  void close() {
    if (threads != null) {
      threads.close();
    }
  }

  @Test
  void onDemandCopiesThePageAsked() {
    open(new OnDemandHandler(PageAnswer.COPY));
    fault(5);
    fault(70);
    assertThat(memory.calls)
        .containsExactly(
            "UFFDIO_COPY of 0x1000 bytes at 0x10005000",
            "UFFDIO_COPY of 0x1000 bytes at 0x20006000");
  }

  @Test
  void onDemandContinueFillsFirst() {
    open(new OnDemandHandler(PageAnswer.CONTINUE));
    fault(5);
    assertThat(memory.calls)
        .containsExactly(
            "filling the page cache of 0x1000 bytes at 0x10005000",
            "UFFDIO_CONTINUE of 0x1000 bytes at 0x10005000");
  }

  @Test
  void aMinorFaultIsContinuedAlone() {
    open(new OnDemandHandler(PageAnswer.CONTINUE));
    PageFault missing = FakeMemory.fault(5);
    PageFault minor = new PageFault(PageFault.Kind.MINOR, missing.address(), missing.gpa(), true);
    threads.turn("fault", (handler, ops) -> handler.fault(minor, ops));
    assertThat(memory.calls).containsExactly("UFFDIO_CONTINUE of 0x1000 bytes at 0x10005000");
  }

  @Test
  void aNeighbourhoodIsOneCall() {
    open(new NeighbourhoodHandler(PageAnswer.COPY, 16));
    fault(21);
    assertThat(memory.calls).containsExactly("UFFDIO_COPY of 0x10000 bytes at 0x10010000");
    // Its blocks count from the start of the region, and end where it ends.
    fault(95);
    assertThat(memory.calls.getLast()).isEqualTo("UFFDIO_COPY of 0x10000 bytes at 0x20010000");
  }

  @Test
  void blocksArePowersOfTwo() {
    assertThatThrownBy(() -> new NeighbourhoodHandler(PageAnswer.COPY, 12))
        .hasMessageContaining("12 pages")
        .hasMessageContaining("power of two");
  }

  @Test
  void faultAllPopulatesTheRestAtTheFirstFault() {
    open(new FaultAllHandler(PageAnswer.COPY, Long.MAX_VALUE));
    fault(7);
    assertThat(memory.there.cardinality()).isEqualTo(96);
    assertThat(memory.calls)
        .containsExactly(
            "UFFDIO_COPY of 0x1000 bytes at 0x10007000",
            "UFFDIO_COPY of 0x7000 bytes at 0x10000000",
            "UFFDIO_COPY of 0x38000 bytes at 0x10008000",
            "UFFDIO_COPY of 0x20000 bytes at 0x20000000");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 7, 32, 64, 95})
  void faultAllInBlocksPopulatesAllInTheEnd(long block) {
    open(new FaultAllHandler(PageAnswer.COPY, block));
    Random random = new Random(block);
    int faults = 0;
    while (memory.there.cardinality() < 96) {
      int page = random.nextInt(96);
      if (!memory.there.get(page)) {
        fault(page);
        faults++;
      }
    }
    assertThat((long) faults).isLessThanOrEqualTo(96 / block + 1);
  }

  @ParameterizedTest
  @EnumSource(PageAnswer.class)
  void whatWasRecordedIsPrefetched(PageAnswer answer) {
    WorkingSet recorded = new WorkingSet("cafe", FakeMemory.PAGE);
    open(new RecordingHandler(new OnDemandHandler(answer), recorded));
    for (int page : new int[] {9, 70, 8, 10, 63, 64, 3}) {
      fault(page);
    }
    close();
    Path file = folder.resolve("ws");
    recorded.write(file);
    memory.there.clear();
    memory.calls.clear();
    WorkingSet read = WorkingSet.read(file, "cafe", FakeMemory.LAYOUT);
    open(new PrefetchHandler(answer, read));
    assertThat(memory.there.stream()).containsExactly(3, 8, 9, 10, 63, 64, 70);
    // 3; 8 to 10; 63; 64, which is in the other region; 70.
    assertThat(memory.calls).hasSize(answer == PageAnswer.COPY ? 5 : 10);
    fault(4);
  }

  @Test
  void noFileIsNoWorkingSet() {
    assertThat(WorkingSet.read(folder.resolve("none"), "cafe", FakeMemory.LAYOUT)).isNull();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "quire-working-set-2 other 4096\n",
        "quire-working-set-2 cafe 2097152\n1000\n",
        "quire-working-set-2 cafe 4096\nxyz\n",
        "quire-working-set-2 cafe 4096\n1001\n",
        "quire-working-set-2 cafe 4096\n80000\n",
        "quire-working-set-1 cafe 4096\n",
        "\u00ff\u00fe"
      })
  void aWrongWorkingSetIsRefused(String text) throws Exception {
    Path file = folder.resolve("ws");
    Files.writeString(file, text);
    assertThatThrownBy(() -> WorkingSet.read(file, "cafe", FakeMemory.LAYOUT))
        .isInstanceOf(BadWorkingSetException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("remove it");
  }

  /** Another page, or one less, would be another experiment. */
  @Test
  void aDamagedWorkingSetIsRefused() throws Exception {
    WorkingSet recorded = new WorkingSet("cafe", FakeMemory.PAGE);
    for (int page : new int[] {9, 10, 63}) {
      recorded.add(page * FakeMemory.PAGE);
    }
    Path file = folder.resolve("ws");
    recorded.write(file);
    byte[] good = Files.readAllBytes(file);
    for (int at = 0; at < good.length - 1; at++) {
      byte[] flipped = good.clone();
      flipped[at] ^= 1;
      for (byte[] bad : new byte[][] {flipped, Arrays.copyOf(good, at)}) {
        Files.write(file, bad);
        assertThatThrownBy(() -> WorkingSet.read(file, "cafe", FakeMemory.LAYOUT))
            .as("byte %d", at)
            .isInstanceOf(BadWorkingSetException.class);
      }
    }
    Files.write(file, good);
    assertThat(WorkingSet.read(file, "cafe", FakeMemory.LAYOUT).pages()).isEqualTo(3);
  }
}
