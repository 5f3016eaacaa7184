package dev.quire.kernel.filemap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The tree against a sorted map of entries, and what it counts. */
class XArrayTest {
  private static final long SPAN = 1 << 14;

  private final KernelCounters counters = new KernelCounters();
  private final XArray tree = new XArray(counters);
  private final XaState state = new XaState(tree);

  /** An entry of the oracle: it covers 2^order indexes from its key. */
  private record Entry(int pfn, int order, boolean marked) {}

  private final TreeMap<Long, Entry> oracle = new TreeMap<>();

  private Map.Entry<Long, Entry> covering(long index) {
    Map.Entry<Long, Entry> floor = oracle.floorEntry(index);
    return floor != null && index < floor.getKey() + (1L << floor.getValue().order) ? floor : null;
  }

  private int firstIn(long from, long to) {
    Map.Entry<Long, Entry> found = covering(from);
    if (found == null) {
      found = oracle.ceilingEntry(from);
    }
    return found == null || found.getKey() > to ? XArray.NONE : found.getValue().pfn;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void agreesWithASortedMapOnRandomOperations(long seed) {
    Random random = new Random(seed);
    long base = seed % 2 == 0 ? 0 : (random.nextLong() >>> 14) / SPAN * SPAN;
    int nextPfn = 0;
    for (int i = 0; i < 20_000; i++) {
      long at = base + (random.nextInt(4) == 0 ? random.nextInt(200) : random.nextLong(SPAN));
      switch (random.nextInt(i / 2000 % 2 == 0 ? 6 : 9)) {
        case 0, 1, 2 -> store(at, random.nextInt(3) == 0 ? random.nextInt(12) : 0, nextPfn++);
        case 3 -> mark(at, random.nextBoolean());
        case 4 -> split(at, random);
        case 5 -> stepAndScan(at, at + random.nextInt(600));
        default -> erase(at);
      }
      Map.Entry<Long, Entry> expected = covering(at);
      assertThat(tree.get(at)).isEqualTo(expected == null ? -1 : expected.getValue().pfn);
    }
    for (Long index : oracle.keySet().toArray(Long[]::new)) {
      erase(index);
    }
    assertThat(tree.isEmpty()).isTrue();
    assertThat(tree.nodes()).isZero();
  }

  private void store(long at, int order, int pfn) {
    long first = at >> order << order;
    state.setOrder(at, order);
    int conflict = state.findConflict();
    assertThat(conflict).isEqualTo(firstIn(first, first + (1L << order) - 1));
    if (conflict == XArray.NONE) {
      state.store(pfn);
      oracle.put(first, new Entry(pfn, order, false));
    }
  }

  private void erase(long at) {
    Map.Entry<Long, Entry> entry = covering(at);
    state.set(at);
    state.store(XArray.NONE);
    if (entry != null) {
      oracle.remove(entry.getKey());
    }
  }

  private void mark(long at, boolean set) {
    state.set(at);
    if (state.load() == XArray.NONE) {
      return;
    }
    Map.Entry<Long, Entry> entry = covering(at);
    assertThat(state.isMarked()).isEqualTo(entry.getValue().marked);
    if (set) {
      state.setMark();
    } else {
      state.clearMark();
    }
    oracle.put(entry.getKey(), new Entry(entry.getValue().pfn, entry.getValue().order, set));
  }

  private void split(long at, Random random) {
    Map.Entry<Long, Entry> entry = covering(at);
    if (entry == null || entry.getValue().order == 0) {
      return;
    }
    Entry old = entry.getValue();
    int order = random.nextInt(old.order);
    tree.split(at, old.order, order);
    for (long i = 0; i < 1L << old.order; i += 1L << order) {
      oracle.put(entry.getKey() + i, new Entry(old.pfn, order, old.marked));
    }
  }

  private void stepAndScan(long from, long to) {
    state.set(from);
    for (long i = from; i <= to; i++) {
      Map.Entry<Long, Entry> expected = covering(i);
      assertThat(i == from ? state.load() : state.next())
          .as("index %d", i)
          .isEqualTo(expected == null ? -1 : expected.getValue().pfn);
    }
    scan(from, to, false);
    scan(from, to, true);
  }

  private void scan(long from, long to, boolean marked) {
    state.set(from);
    Map.Entry<Long, Entry> expected = covering(from);
    if (expected == null) {
      expected = oracle.ceilingEntry(from);
    }
    while (true) {
      while (expected != null && marked && !expected.getValue().marked) {
        expected = oracle.higherEntry(expected.getKey());
      }
      int found = marked ? state.findMarked(to) : state.find(to);
      if (expected == null || expected.getKey() > to) {
        assertThat(found).isEqualTo(XArray.NONE);
        return;
      }
      assertThat(found).isEqualTo(expected.getValue().pfn);
      expected = oracle.higherEntry(expected.getKey());
    }
  }

  @Test
  void anEntryOfOrderNineReplacesTheEntriesItCovers() {
    for (int i = 0; i < 512; i++) {
      state.set(512 + i);
      state.store(i);
    }
    long nodes = tree.nodes();
    state.setOrder(512, 9);
    state.store(7);
    assertThat(tree.nodes()).isEqualTo(nodes - 8);
    assertThat(tree.get(1023)).isEqualTo(7);
    assertThat(tree.get(511)).isEqualTo(XArray.NONE);
    assertThat(tree.get(1024)).isEqualTo(XArray.NONE);
  }

  @Test
  void anIndexWithinALargerEntryTakesNoSmallerOne() {
    state.setOrder(0, 9);
    state.store(1);
    state.set(100);
    assertThatThrownBy(() -> state.store(2)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void sequentialStoresThroughOneStateDescendOncePerNode() {
    state.set(0);
    KernelCounters.Snapshot before = counters.snapshot();
    for (int i = 0; i < 128; i++) {
      assertThat(i == 0 ? state.findConflict() : state.next()).isEqualTo(XArray.NONE);
      state.store(i);
    }
    KernelCounters.Snapshot counted = counters.snapshot().minus(before);
    assertThat(counted.of(Primitive.XARRAY_DESCENT)).isEqualTo(2);
    assertThat(counted.of(Primitive.XARRAY_STEP)).isEqualTo(126);
    assertThat(counted.of(Primitive.XARRAY_STORE)).isEqualTo(128);
    assertThat(counted.of(Primitive.XARRAY_NODE_ALLOC)).isEqualTo(3);
  }
}
