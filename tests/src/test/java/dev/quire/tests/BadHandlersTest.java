package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.restore.PageFault;
import dev.quire.emulator.restore.RestoreResult;
import dev.quire.emulator.restore.UffdHandler;
import dev.quire.emulator.restore.UffdOps;
import dev.quire.emulator.snapshot.Snapshot;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest whose handler fails it ends with a clear reason, and soon. */
@Timeout(60)
class BadHandlersTest {
  private static final int GOOD_ANSWERS = 5;

  @TempDir static Path folder;

  private static Snapshot snapshot;

  @BeforeAll
  static void takeSnapshot() throws IOException {
    snapshot = RestoredGuests.snapshot("hello-x86_64", 1, "", folder.resolve("s"));
  }

  /** Fails at the sixth fault, in its own way. */
  private abstract static class Failing implements UffdHandler {
    private int faults;

    @Override
    public String name() {
      return "trial";
    }

    @Override
    public void fault(PageFault fault, UffdOps ops) throws Exception {
      if (faults++ < GOOD_ANSWERS) {
        good(fault, ops);
      } else {
        bad(fault, ops);
      }
    }

    static void good(PageFault fault, UffdOps ops) {
      ops.copy(fault.address(), ops.layout().fileOffsetOf(fault.address()), 4096);
    }

    abstract void bad(PageFault fault, UffdOps ops) throws Exception;
  }

  private static void assertDead(Failing handler, String... parts) {
    RestoreResult result =
        RestoredGuests.restore(
            snapshot,
            "uffd-copy",
            RestoredGuests.settings("4k")
                .withHandler(answer -> handler)
                .withDeadline(Duration.ofMillis(300)));
    assertThat(result.status()).as(result.reason()).isEqualTo(RunStatus.HANDLER_DEAD);
    assertThat(result.reason()).contains("trial", "missing fault at gpa 0x").contains(parts);
    assertThat(result.messages()).isEqualTo(GOOD_ANSWERS + 1);
  }

  @Test
  void itThrows() {
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {
            throw new IllegalStateException("no more");
          }
        },
        "IllegalStateException: no more");
  }

  @Test
  void itAnswersTwice() {
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {
            good(fault, ops);
            good(fault, ops);
          }
        },
        "EEXIST");
  }

  @Test
  void itAnswersARangeThatIsNotMemory() {
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {
            ops.copy(1 << 20, 0, 4096);
          }
        },
        "ENOENT");
  }

  @Test
  void itAnswersAnUnalignedRange() {
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {
            ops.zero(fault.address() + 1, 4096);
          }
        },
        "EINVAL");
  }

  /** validate_range of fs/userfaultfd.c refuses both: the one is nothing, the other too much. */
  @ParameterizedTest
  @ValueSource(longs = {0, -4096, Long.MIN_VALUE})
  void itAnswersARangeOfNoLength(long bytes) {
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {
            ops.copy(fault.address(), 8192, bytes);
          }
        },
        "UFFDIO_COPY",
        "EINVAL");
  }

  @Test
  void itTakesContentsFromBeyondTheSnapshot() {
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {
            ops.copy(fault.address(), Guests.MEMORY_BYTES, 4096);
          }
        },
        "EFAULT");
  }

  @Test
  void itFillsPrivateMemory() {
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {
            ops.fill(fault.address(), 0, 4096);
          }
        },
        "EINVAL");
  }

  @Test
  void itAnswersAnotherPage() {
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {
            ops.copy(fault.address() + 4096 * 1000, 0, 4096);
          }
        },
        "without an answer");
  }

  @Test
  void itForgetsToAnswer() {
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {}
        },
        "without an answer");
  }

  /** Woken without a page, a vCPU asks again; for ever, if it must. */
  @Test
  void itWakesAndGivesNothing() {
    RestoreResult result =
        RestoredGuests.restore(
            snapshot,
            "uffd-copy",
            RestoredGuests.settings("4k")
                .withHandler(
                    answer ->
                        new Failing() {
                          @Override
                          void bad(PageFault fault, UffdOps ops) {
                            ops.wake(fault.address(), 4096);
                          }
                        }));
    assertThat(result.status()).isEqualTo(RunStatus.HANDLER_DEAD);
    assertThat(result.reason()).contains("trial", "again and again");
  }

  @Test
  void itStaysSilent() {
    CountDownLatch never = new CountDownLatch(1);
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) throws Exception {
            never.await();
          }
        },
        "did not answer",
        "0.3 s");
  }

  @Test
  void itDies() {
    assertDead(
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {
            throw new OutOfMemoryError("the handler's own");
          }
        },
        "OutOfMemoryError");
  }

  /** A wrong byte is an answer: that the run ends otherwise is what the memory hash is for. */
  @Test
  void itGivesWrongContents() {
    Failing handler =
        new Failing() {
          @Override
          void bad(PageFault fault, UffdOps ops) {
            byte[] wrong = new byte[4096];
            wrong[17] = 1;
            ops.copy(fault.address(), wrong);
          }
        };
    RestoreResult result =
        RestoredGuests.restore(
            snapshot, "uffd-copy", RestoredGuests.settings("4k").withHandler(answer -> handler));
    assertThat(result.memoryHash()).isNotEqualTo(snapshot.description().expected().memoryHash());
  }
}
