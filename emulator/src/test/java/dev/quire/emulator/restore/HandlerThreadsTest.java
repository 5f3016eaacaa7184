package dev.quire.emulator.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Handlers on threads of their own, the good and the bad ones. */
@Timeout(60)
class HandlerThreadsTest {
  private static final Duration SHORT = Duration.ofMillis(200);
  private final FakeMemory memory = new FakeMemory();

  private HandlerThreads threads(UffdHandler handler, int readers) {
    return new HandlerThreads(handler, readers, SHORT, memory, () -> false);
  }

  private void serve(HandlerThreads threads, int page) {
    PageFault fault = FakeMemory.fault(page);
    assertThat(threads.turn(fault.toString(), (handler, ops) -> handler.fault(fault, ops)))
        .isTrue();
  }

  /** A handler that is one lambda. */
  private interface Answer extends UffdHandler {
    @Override
    default String name() {
      return "trial";
    }
  }

  private void assertDead(Answer handler, String... parts) {
    try (HandlerThreads threads = threads(handler, 1)) {
      assertThatThrownBy(() -> serve(threads, 3))
          .isInstanceOf(HandlerDeadException.class)
          .message()
          .contains("trial", "missing fault at gpa 0x3000")
          .contains(parts);
    }
  }

  @Test
  void callsAreMadeByTheMachinesThread() {
    Thread machine = Thread.currentThread();
    List<Thread> handlers = new ArrayList<>();
    List<Thread> callers = new ArrayList<>();
    UffdCalls calls =
        new UffdCalls() {
          @Override
          public GuestLayout layout() {
            return FakeMemory.LAYOUT;
          }

          @Override
          public void execute(UffdCall call) {
            callers.add(Thread.currentThread());
          }
        };
    Answer handler =
        (fault, ops) -> {
          handlers.add(Thread.currentThread());
          ops.zero(fault.address(), FakeMemory.PAGE);
        };
    try (HandlerThreads threads = new HandlerThreads(handler, 3, SHORT, calls, () -> false)) {
      for (int page = 0; page < 7; page++) {
        serve(threads, page);
      }
    }
    assertThat(callers).hasSize(7).containsOnly(machine);
    assertThat(handlers).hasSize(7).doesNotContain(machine);
    // In turns: the first thread has messages 0, 3 and 6.
    assertThat(handlers.get(3)).isSameAs(handlers.get(0)).isSameAs(handlers.get(6));
    assertThat(handlers.get(1)).isNotSameAs(handlers.get(0)).isNotSameAs(handlers.get(2));
  }

  @Test
  void oneThatThrowsIsDead() {
    assertDead(
        (fault, ops) -> {
          throw new IllegalStateException("lost its file");
        },
        "IllegalStateException: lost its file");
  }

  @Test
  void oneThatDiesWithAnErrorIsDead() {
    assertDead(
        (fault, ops) -> {
          throw new StackOverflowError();
        },
        "StackOverflowError");
  }

  @Test
  void oneThatAnswersTwiceIsDead() {
    assertDead(
        (fault, ops) -> {
          ops.copy(fault.address(), 0, FakeMemory.PAGE);
          ops.copy(fault.address(), 0, FakeMemory.PAGE);
        },
        "EEXIST",
        "answered already");
  }

  /** EEXIST is an answer that a handler may expect. */
  @Test
  void oneThatExpectsEexistGoesOn() {
    Answer handler =
        (fault, ops) -> {
          ops.copy(fault.address(), 0, FakeMemory.PAGE);
          assertThatThrownBy(() -> ops.copy(fault.address() - 4096, 0, 2 * FakeMemory.PAGE))
              .isInstanceOfSatisfying(
                  UffdCallException.class,
                  refused -> assertThat(refused.done()).isEqualTo(FakeMemory.PAGE));
        };
    try (HandlerThreads threads = threads(handler, 1)) {
      serve(threads, 3);
    }
  }

  @Test
  void oneThatAnswersOutsideMemoryIsDead() {
    assertDead((fault, ops) -> ops.zero(0x7000, FakeMemory.PAGE), "ENOENT", "0x7000");
  }

  @Test
  void oneThatNeverReturnsIsDeadByTheDeadline() {
    CountDownLatch never = new CountDownLatch(1);
    assertDead((fault, ops) -> never.await(), "did not answer", "0.2 s");
  }

  /** Calls without end are silence too: the machine waits for each of them. */
  @Test
  void oneThatCallsForEverIsDeadByTheDeadline() {
    assertDead(
        (fault, ops) -> {
          while (true) {
            ops.wake(fault.address(), FakeMemory.PAGE);
          }
        },
        "did not answer");
  }

  @Test
  void aThreadLeftBehindIsRefusedAfterwards() throws Exception {
    CountDownLatch over = new CountDownLatch(1);
    List<Throwable> seen = new ArrayList<>();
    CountDownLatch done = new CountDownLatch(1);
    Answer handler =
        (fault, ops) -> {
          try {
            over.await();
          } catch (InterruptedException ignored) {
            // Deaf, as a handler that hangs may be.
          }
          try {
            ops.zero(fault.address(), FakeMemory.PAGE);
          } catch (RuntimeException refused) {
            seen.add(refused);
          }
          done.countDown();
        };
    try (HandlerThreads threads = threads(handler, 1)) {
      assertThatThrownBy(() -> serve(threads, 1)).isInstanceOf(HandlerDeadException.class);
    }
    done.await();
    assertThat(seen).hasSize(1).first().isInstanceOf(IllegalStateException.class);
    assertThat(memory.calls).isEmpty();
  }

  @Test
  void aRunToldToEndDoesNotWait() {
    CountDownLatch never = new CountDownLatch(1);
    Answer handler = (fault, ops) -> never.await();
    try (HandlerThreads threads =
        new HandlerThreads(handler, 1, Duration.ofHours(1), memory, () -> true)) {
      assertThat(threads.turn("it", (each, ops) -> each.fault(FakeMemory.fault(0), ops))).isFalse();
    }
  }
}
