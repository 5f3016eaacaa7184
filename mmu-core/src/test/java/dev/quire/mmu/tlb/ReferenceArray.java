package dev.quire.mmu.tlb;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** One array of the reference model: a list of ways for each set, and what was used when. */
final class ReferenceArray {
  final String name;
  final int sets;
  final int ways;
  private final TlbReplacement replacement;
  private final List<TlbArray.WayLimit> limits;
  private final ReferenceEntry[][] entries;

  /** By set: LRU's ways, the oldest first. */
  private final List<List<Integer>> used = new ArrayList<>();

  /** By set and range of ways: whether its lower half was used after its upper half. */
  private final Map<String, Boolean> lowerUsedLast = new HashMap<>();

  /** Hears of translations that had to give way. */
  Consumer<ReferenceEntry> onEviction = entry -> {};

  ReferenceArray(
      String name,
      int entryCount,
      int ways,
      TlbReplacement replacement,
      List<TlbArray.WayLimit> limits) {
    this.name = name;
    this.ways = ways;
    this.replacement = replacement;
    this.limits = limits;
    sets = entryCount / ways;
    entries = new ReferenceEntry[sets][ways];
    for (int set = 0; set < sets; set++) {
      List<Integer> order = new ArrayList<>();
      for (int way = 0; way < ways; way++) {
        order.add(way);
      }
      used.add(order);
    }
  }

  List<ReferenceEntry> all() {
    List<ReferenceEntry> all = new ArrayList<>();
    for (ReferenceEntry[] set : entries) {
      for (ReferenceEntry entry : set) {
        if (entry != null) {
          all.add(entry);
        }
      }
    }
    return all;
  }

  void use(ReferenceEntry entry) {
    int set = setOf(entry);
    for (int way = 0; way < ways; way++) {
      if (entries[set][way] == entry) {
        markUsed(set, way);
      }
    }
  }

  void insert(ReferenceEntry entry) {
    int set = setOf(entry);
    int first = 0;
    int last = ways - 1;
    for (TlbArray.WayLimit limit : limits) {
      if (entry.isTranslation() && limit.order() == entry.order) {
        first = limit.firstWay();
        last = first + limit.ways() - 1;
      }
    }
    int way = victim(set, first, last);
    ReferenceEntry old = entries[set][way];
    if (old != null && old.isTranslation()) {
      onEviction.accept(old);
    }
    entries[set][way] = entry;
    markUsed(set, way);
  }

  void removeIf(Predicate<ReferenceEntry> condition) {
    for (int set = 0; set < sets; set++) {
      for (int way = 0; way < ways; way++) {
        if (entries[set][way] != null && condition.test(entries[set][way])) {
          entries[set][way] = null;
        }
      }
    }
  }

  private int setOf(ReferenceEntry entry) {
    return (int) Long.remainderUnsigned(entry.start / (4096L << entry.order), sets);
  }

  private int victim(int set, int first, int last) {
    for (int way = first; way <= last; way++) {
      if (entries[set][way] == null) {
        return way;
      }
    }
    if (replacement == TlbReplacement.LRU) {
      for (int way : used.get(set)) {
        if (way >= first && way <= last) {
          return way;
        }
      }
    }
    int low = 0;
    int high = ways;
    while (high - low > 1) {
      int middle = (low + high) / 2;
      if (Objects.equals(lowerUsedLast.get(set + ":" + low + "-" + high), true)) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private void markUsed(int set, int way) {
    used.get(set).remove((Integer) way);
    used.get(set).add(way);
    int low = 0;
    int high = ways;
    while (high - low > 1) {
      int middle = (low + high) / 2;
      lowerUsedLast.put(set + ":" + low + "-" + high, way < middle);
      if (way < middle) {
        high = middle;
      } else {
        low = middle;
      }
    }
  }
}
