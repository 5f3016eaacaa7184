package dev.quire.emulator.exec;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** What {@link ForeignStores} watches; what it finds is tested with real clients. */
class ForeignStoresTest {
  private static final int PAGE_BYTES = 4096;
  private static final int FRAMES = 256;

  private final MemorySegment arena = Arena.ofAuto().allocate(FRAMES * PAGE_BYTES, PAGE_BYTES);
  private final CodeCoherence coherence = new CodeCoherence(FRAMES);
  private final ForeignStores stores = new ForeignStores(coherence, arena);

  ForeignStoresTest() {
    coherence.watch(stores);
  }

  private int executeFrames(long frames) {
    int core = coherence.join(null);
    for (long pfn = 0; pfn < frames; pfn++) {
      coherence.grantExecute(core, pfn);
    }
    return core;
  }

  @Test
  void frameThatIsExecutedAgainAndAgainIsWatchedOnce() {
    for (int i = 0; i < 1000; i++) {
      coherence.leave(executeFrames(3));
    }
    executeFrames(3);

    assertThat(stores.frames()).isEqualTo(3);
  }

  @Test
  void whatIsNoLongerExecutedIsNoLongerWatched() {
    int core = executeFrames(200);
    coherence.leave(core);
    assertThat(stores.frames()).isZero();

    executeFrames(5);
    assertThat(stores.frames()).isEqualTo(5);
  }

  @Test
  void frameThatChangedBetweenIsAsItIsWhenItIsExecutedAgain() {
    coherence.leave(executeFrames(2));
    arena.set(ValueLayout.JAVA_BYTE, PAGE_BYTES, (byte) 1);
    executeFrames(2);

    stores.look();

    assertThat(coherence.isExecuted(1)).isTrue();
    assertThat(stores.frames()).isEqualTo(2);
  }
}
