package dev.quire.lab.contention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Wait queues, locks and lines against plain lists and against figures by hand. */
class QueuesTest {
  private static final PagingCosts COSTS = new PagingCosts(0, 0, 0, 1, 10, 100, 1000, 2);
  private static final Topology TOPOLOGY = new Topology(2, 2, 4);

  /** What a queue's lines cost, out of lists of who changed and who has each entry. */
  private static final class PlainList {
    final List<Integer> newestFirst = new ArrayList<>();
    final int[] writer;
    final List<Set<Integer>> has = new ArrayList<>();

    PlainList(int threads) {
      writer = new int[threads];
      for (int i = 0; i < threads; i++) {
        has.add(new HashSet<>());
      }
    }

    double change(int thread, int complex) {
      double nanos = has.get(thread).equals(Set.of(complex)) ? 2 : transfer(thread, complex);
      writer[thread] = complex;
      has.set(thread, new HashSet<>(Set.of(complex)));
      return nanos;
    }

    double walk(int complex) {
      double nanos = 0;
      for (int thread : newestFirst) {
        nanos += has.get(thread).add(complex) ? transfer(thread, complex) : 2;
      }
      return nanos;
    }

    private double transfer(int thread, int complex) {
      int from = writer[thread];
      return from == complex ? 10 : from % 2 == complex % 2 ? 100 : 1000;
    }
  }

  @Test
  void aWaitListIsWhatAPlainListIs() {
    int threads = 12;
    WaitList list = new WaitList(threads, TOPOLOGY);
    PlainList plain = new PlainList(threads);
    Random random = new Random(7);
    for (int i = 0; i < 5000; i++) {
      int thread = random.nextInt(threads);
      int complex = random.nextInt(4);
      int at = plain.newestFirst.indexOf(thread);
      double expected;
      double nanos;
      if (random.nextInt(4) == 0) {
        nanos = list.walk(complex, COSTS);
        expected = plain.walk(complex);
      } else if (at < 0) {
        nanos = list.add(thread, complex, COSTS);
        expected = plain.change(thread, complex);
        if (!plain.newestFirst.isEmpty()) {
          expected += plain.change(plain.newestFirst.getFirst(), complex);
        }
        plain.newestFirst.addFirst(thread);
      } else {
        nanos = list.remove(thread, complex, COSTS);
        expected = plain.change(thread, complex);
        for (int neighbour : new int[] {at - 1, at + 1}) {
          if (neighbour >= 0 && neighbour < plain.newestFirst.size()) {
            expected += plain.change(plain.newestFirst.get(neighbour), complex);
          }
        }
        plain.newestFirst.remove(at);
      }
      assertThat(nanos).isCloseTo(expected, within(1e-9));
      assertThat(list.size()).isEqualTo(plain.newestFirst.size());
      assertThat(list.oldest())
          .isEqualTo(plain.newestFirst.isEmpty() ? -1 : plain.newestFirst.getLast());
    }
  }

  @Test
  void aLockGoesToWhomeverWaitsLongestAndMovesThreeLinesThen() {
    QueuedLock lock = new QueuedLock(TOPOLOGY);
    assertThat(lock.acquire(0)).isTrue();
    assertThat(lock.handOver(COSTS)).isEqualTo(1);
    assertThat(Arrays.asList(lock.acquire(2), lock.acquire(1))).containsExactly(false, false);
    assertThat(lock.release()).isEqualTo(2);
    // Complexes 0 and 2 are in one socket.
    assertThat(lock.handOver(COSTS)).isEqualTo(300);
    assertThat(lock.release()).isEqualTo(1);
    assertThat(lock.handOver(COSTS)).isEqualTo(3000);
    assertThat(lock.release()).isEqualTo(-1);
    assertThat(lock.acquire(5)).isTrue();
    // Thread 5 is in complex 1 too, and nobody waited.
    assertThat(lock.handOver(COSTS)).isEqualTo(10);
  }

  @Test
  void aComplexServesItsOwnBeforeTheLineGoesOn() {
    SharedLine line = new SharedLine(TOPOLOGY);
    assertThat(line.acquire(0)).isTrue();
    assertThat(line.serve(0, COSTS)).isEqualTo(1);
    for (int thread : new int[] {1, 2, 5, 6}) {
      assertThat(line.acquire(thread)).isFalse();
    }
    assertThat(line.release()).isEqualTo(1);
    assertThat(line.serve(1, COSTS)).isEqualTo(1001);
    // 5 came after 2, but shares the L3 cache of 1.
    assertThat(line.release()).isEqualTo(5);
    assertThat(line.serve(5, COSTS)).isEqualTo(11);
    // 9 shares it as well, but was not there when the line came.
    assertThat(line.acquire(9)).isFalse();
    assertThat(line.release()).isEqualTo(2);
    assertThat(line.serve(2, COSTS)).isEqualTo(1001);
    assertThat(line.release()).isEqualTo(6);
    assertThat(line.serve(6, COSTS)).isEqualTo(11);
    assertThat(line.release()).isEqualTo(9);
    assertThat(line.serve(9, COSTS)).isEqualTo(1001);
    assertThat(line.release()).isEqualTo(-1);
    assertThat(line.read(9, COSTS)).isEqualTo(1);
    assertThat(line.read(3, COSTS)).isEqualTo(100);
  }
}
