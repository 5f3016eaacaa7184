package dev.quire.mmu.tlb;

import dev.quire.mmu.PageWalk;
import dev.quire.mmu.TlbInvalidation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The TLB model once more, slow and plain, written from the geometry's description and the manuals:
 * lists that are searched from one end to the other. Addresses are below 2^47.
 */
final class ReferenceTlb {
  private static final long TOP = Long.MAX_VALUE;

  private final TlbGeometry geometry;
  private final Map<TlbArray, ReferenceArray> arrays = new HashMap<>();
  private final List<ReferenceArray> everything = new ArrayList<>();
  private final Map<WalkCache, ReferenceArray> walkCaches = new HashMap<>();
  private ReferenceArray nested;
  private int asid;
  private int vmid;

  /** By structure and what is counted. */
  final Map<String, Map<String, Long>> counts = new TreeMap<>();

  ReferenceTlb(TlbGeometry geometry) {
    this.geometry = geometry;
    for (List<TlbArray> level :
        List.of(geometry.l1Instruction(), geometry.l1Data(), geometry.l2())) {
      for (TlbArray array : level) {
        ReferenceArray reference =
            new ReferenceArray(
                array.name(), array.entries(), array.ways(), array.replacement(), array.limits());
        arrays.put(array, reference);
        everything.add(reference);
      }
    }
    if (geometry.l2Inclusive()) {
      for (TlbArray array : geometry.l2()) {
        arrays.get(array).onEviction = this::leftL2;
      }
    }
    for (WalkCache cache : geometry.walkCaches()) {
      if (!cache.sharesL2()) {
        ReferenceArray reference =
            new ReferenceArray(
                cache.name(), cache.entries(), cache.ways(), cache.replacement(), List.of());
        walkCaches.put(cache, reference);
        everything.add(reference);
      }
    }
    NestedTlb data = geometry.nested();
    if (data.kind() == NestedTlb.Kind.OWN) {
      nested =
          new ReferenceArray("nested", data.entries(), data.ways(), data.replacement(), List.of());
      everything.add(nested);
    }
  }

  void addressSpace(int newAsid, int newVmid) {
    asid = newAsid;
    vmid = newVmid;
  }

  void access(long vpn, TlbUse use, ReferencePage page) {
    String l1Name = use == TlbUse.FETCH ? "L1I" : "L1D";
    List<TlbArray> l1 = use == TlbUse.FETCH ? geometry.l1Instruction() : geometry.l1Data();
    if (lookUp(l1Name, serving(l1, use), vpn) != null) {
      return;
    }
    List<TlbArray> l2 = serving(geometry.l2(), use);
    ReferenceEntry found = l2.isEmpty() ? null : lookUp("L2", l2, vpn);
    if (found != null) {
      Set<Long> run = found.kind == ReferenceEntry.Kind.RUN ? found.vpns : Set.of(vpn);
      fill(l1Name, serving(l1, use), geometry.coalescing().l1(), vpn, run, found);
      return;
    }
    walk(vpn, use, page);
    CoalescingPolicy policy = geometry.coalescing();
    int hinted = hinted(page);
    boolean looks = hinted == page.order() && policy.coalesces(hinted);
    if (!l2.isEmpty()) {
      boolean here = looks && policy.l2();
      Set<Long> run = here ? run(vpn, page) : Set.of(vpn);
      fill("L2", l2, policy.l2(), vpn, run, entryFor(page, here ? group(vpn, page) : hinted, run));
    }
    boolean here = looks && policy.l1();
    Set<Long> run = here ? run(vpn, page) : Set.of(vpn);
    ReferenceEntry whole = entryFor(page, here ? group(vpn, page) : hinted, run);
    fill(l1Name, serving(l1, use), policy.l1(), vpn, run, whole);
  }

  void replace(ReferencePage page, int ofAsid) {
    long first = page.va() / (4096L << page.order()) * (4096L << page.order());
    long last = first + (4096L << page.order()) - 1;
    removeIf(
        entry ->
            entry.isTranslation()
                && entry.vmid == vmid
                && (entry.asid == -1 || entry.asid == ofAsid)
                && entry.fallsWith(first, last));
  }

  void invalidate(TlbInvalidation invalidation) {
    ReferenceInvalidation reference = new ReferenceInvalidation(invalidation, geometry.isa(), vmid);
    removeIf(reference::hits);
  }

  private void removeIf(java.util.function.Predicate<ReferenceEntry> condition) {
    everything.forEach(array -> array.removeIf(condition));
  }

  long reachBytes() {
    long bytes = 0;
    for (TlbArray array : geometry.l2().isEmpty() ? geometry.l1Data() : geometry.l2()) {
      for (ReferenceEntry entry : arrays.get(array).all()) {
        bytes +=
            switch (entry.kind) {
              case PAGE -> 4096L << entry.order;
              case RUN -> 4096L * entry.vpns.size();
              case TABLE, NESTED -> 0;
            };
      }
    }
    return bytes;
  }

  private static List<TlbArray> serving(List<TlbArray> level, TlbUse use) {
    return level.stream().filter(array -> array.uses().contains(use)).toList();
  }

  private ReferenceEntry lookUp(String level, List<TlbArray> candidates, long vpn) {
    ReferenceEntry best = null;
    ReferenceArray in = null;
    for (TlbArray array : candidates) {
      count(array.name(), "access");
      for (ReferenceEntry entry : arrays.get(array).all()) {
        if (entry.translates(vpn, vmid, asid) && (best == null || entry.order < best.order)) {
          best = entry;
          in = arrays.get(array);
        }
      }
    }
    for (TlbArray array : candidates) {
      count(array.name(), arrays.get(array) == in ? "hit" : "miss");
    }
    count(level, "access");
    count(level, best == null ? "miss" : "hit");
    if (best != null) {
      in.use(best);
    }
    return best;
  }

  private void fill(
      String level,
      List<TlbArray> candidates,
      boolean coalesces,
      long vpn,
      Set<Long> run,
      ReferenceEntry whole) {
    CoalescingPolicy policy = coalesces ? geometry.coalescing() : CoalescingPolicy.NONE;
    if (policy.hardware() == CoalescingPolicy.Hardware.COLT_FA
        && whole.wholeOrder == 0
        && run.size() > 1) {
      for (TlbArray array : candidates) {
        if (array.fullyAssociative()) {
          fillRun(level, array, policy.pages(), vpn, run, whole);
          return;
        }
      }
    }
    TlbArray best = null;
    int bestOrder = -1;
    for (TlbArray array : candidates) {
      for (int order : heldOrders(array, policy)) {
        if (order <= whole.wholeOrder && order > bestOrder) {
          best = array;
          bestOrder = order;
        }
      }
    }
    if (best == null) {
      return;
    }
    if (bestOrder == 0 && policy.hardware() == CoalescingPolicy.Hardware.COLT_SA) {
      fillRun(level, best, policy.pages(), vpn, run, whole);
      return;
    }
    ReferenceEntry entry =
        new ReferenceEntry(ReferenceEntry.Kind.PAGE, whole.vmid, whole.asid, vpn << 12, bestOrder);
    copy(whole, entry);
    arrays.get(best).insert(entry);
    countFill(level, best.name(), bestOrder);
  }

  private void fillRun(
      String level, TlbArray array, int group, long vpn, Set<Long> run, ReferenceEntry whole) {
    int groupOrder = log2(group);
    ReferenceEntry entry =
        new ReferenceEntry(ReferenceEntry.Kind.RUN, whole.vmid, whole.asid, vpn << 12, groupOrder);
    copy(whole, entry);
    for (long page = vpn / group * group; page < vpn / group * group + group; page++) {
      boolean samePage = page >>> whole.wholeOrder == vpn >>> whole.wholeOrder;
      if (whole.wholeOrder == 0 ? page == vpn || run.contains(page) : samePage) {
        entry.vpns.add(page);
      }
    }
    arrays
        .get(array)
        .removeIf(
            old ->
                old.isOf(entry.kind, entry.vmid, entry.asid, entry.start, entry.order)
                    && old.vpns.stream().anyMatch(entry.vpns::contains));
    arrays.get(array).insert(entry);
    countFill(level, array.name(), log2(entry.vpns.size()));
  }

  private static int log2(int value) {
    int log = 0;
    while (2 << log <= value) {
      log++;
    }
    return log;
  }

  private static void copy(ReferenceEntry from, ReferenceEntry to) {
    to.leafOrder = from.leafOrder;
    to.wholeOrder = from.wholeOrder;
    to.firstGpa = from.firstGpa;
    to.lastGpa = from.lastGpa;
  }

  private static Set<Integer> heldOrders(TlbArray array, CoalescingPolicy policy) {
    Set<Integer> held = new TreeSet<>(array.orders());
    if (policy.hardware() == CoalescingPolicy.Hardware.AGGREGATION) {
      for (int order : array.orders()) {
        if (order < 9) {
          held.add(order + log2(policy.pages()));
        }
      }
    }
    return held;
  }

  /** What the walk found, as an entry without a place. */
  private ReferenceEntry entryFor(ReferencePage page, int order, Set<Long> run) {
    ReferenceEntry entry =
        new ReferenceEntry(
            ReferenceEntry.Kind.PAGE, vmid, page.global() ? -1 : asid, page.va(), order);
    entry.leafOrder = page.stage1Order();
    entry.wholeOrder = order;
    if (page.nested()) {
      boolean byHardware = order > hinted(page) || run.size() > 1;
      long bytes = 4096L << Math.max(page.stage2Order(), order);
      entry.firstGpa = byHardware ? 0 : page.gpa() / bytes * bytes;
      entry.lastGpa = byHardware ? TOP : entry.firstGpa + bytes - 1;
    }
    return entry;
  }

  private int hinted(ReferencePage page) {
    if (!geometry.coalescing().contiguousBit()) {
      return page.order();
    }
    int guest = Math.max(page.stage1Order(), page.stage1Group());
    int host = Math.max(page.stage2Order(), page.stage2Group());
    return page.nested() ? Math.min(guest, host) : guest;
  }

  private int group(long vpn, ReferencePage page) {
    CoalescingPolicy policy = geometry.coalescing();
    if (policy.hardware() != CoalescingPolicy.Hardware.AGGREGATION) {
      return page.order();
    }
    long index = (vpn >>> page.order()) % 8;
    long first = index / policy.pages() * policy.pages();
    for (long other = first; other < first + policy.pages(); other++) {
      if ((page.neighbours() >>> other & 1) == 0) {
        return page.order();
      }
    }
    long frame = page.pfn() >>> page.order();
    boolean aligned = frame % policy.pages() == index % policy.pages();
    return aligned ? page.order() + log2(policy.pages()) : page.order();
  }

  private Set<Long> run(long vpn, ReferencePage page) {
    CoalescingPolicy policy = geometry.coalescing();
    Set<Long> run = new TreeSet<>(Set.of(vpn));
    if (policy.hardware() == CoalescingPolicy.Hardware.AGGREGATION) {
      return run;
    }
    long first = vpn / policy.pages() * policy.pages();
    for (long next = vpn + 1; next < first + policy.pages(); next++) {
      if ((page.neighbours() >>> next % 8 & 1) == 0) {
        break;
      }
      run.add(next);
    }
    for (long next = vpn - 1; next >= first; next--) {
      if ((page.neighbours() >>> next % 8 & 1) == 0) {
        break;
      }
      run.add(next);
    }
    return run;
  }

  private void leftL2(ReferenceEntry gone) {
    List<TlbArray> l1 = new ArrayList<>(geometry.l1Instruction());
    l1.addAll(geometry.l1Data());
    for (TlbArray array : l1) {
      arrays
          .get(array)
          .removeIf(
              entry ->
                  entry.vmid == gone.vmid
                      && entry.asid == gone.asid
                      && ReferenceEntry.touches(
                          entry.start,
                          entry.order,
                          gone.start,
                          gone.start + (4096L << gone.order) - 1));
    }
  }

  private void walk(long vpn, TlbUse use, ReferencePage page) {
    add("walks", "walks", 1);
    int first = 0;
    for (int step = page.steps().size() - 2; step >= 0 && first == 0; step--) {
      WalkCache data = walkCacheFor(page.steps().get(step).regionShift());
      if (data == null) {
        continue;
      }
      count(data.name(), "access");
      ReferenceEntry hit = find(placeOf(data, use), table(vpn, page, step));
      count(data.name(), hit == null ? "miss" : "hit");
      if (hit != null) {
        placeOf(data, use).use(hit);
        add("walks", "walk-cache hits", 1);
        first = step + 1;
      }
    }
    for (int step = first; step < page.steps().size(); step++) {
      ReferencePage.Step entry = page.steps().get(step);
      boolean known = step == first && first > 0 && geometry.walkCachesHoldHostAddresses();
      if (!known) {
        secondStage(use, entry.entryGpa(), entry.stage2Order(), entry.stage2References());
      }
      add("walks", "stage 1", 1);
    }
    secondStage(use, page.gpa(), page.stage2Order(), page.stage2References());
    for (int step = first; step < page.steps().size() - 1; step++) {
      int shift = page.steps().get(step).regionShift();
      WalkCache data = walkCacheFor(shift);
      if (data != null) {
        placeOf(data, use).insert(table(vpn, page, step));
        countFill(data.name(), shift - 12);
      }
    }
  }

  private ReferenceEntry table(long vpn, ReferencePage page, int step) {
    int order = page.steps().get(step).regionShift() - 12;
    ReferenceEntry table =
        new ReferenceEntry(ReferenceEntry.Kind.TABLE, vmid, asid, vpn << 12, order);
    ReferencePage.Step next = page.steps().get(step + 1);
    if (page.nested() && geometry.walkCachesHoldHostAddresses()) {
      long bytes = 4096L << next.stage2Order();
      table.firstGpa = next.entryGpa() / bytes * bytes;
      table.lastGpa = table.firstGpa + bytes - 1;
    }
    return table;
  }

  private static ReferenceEntry find(ReferenceArray array, ReferenceEntry like) {
    return array.all().stream()
        .filter(entry -> entry.isOf(like.kind, like.vmid, like.asid, like.start, like.order))
        .findFirst()
        .orElse(null);
  }

  /** 4 KiB granule: PDE 21, PDPTE 30, PML4E 39, PML5E 48. */
  private WalkCache walkCacheFor(int regionShift) {
    int height = (regionShift - 12) / 9;
    return geometry.walkCaches().stream()
        .filter(cache -> cache.heights().contains(height))
        .findFirst()
        .orElse(null);
  }

  private ReferenceArray placeOf(WalkCache data, TlbUse use) {
    return data.sharesL2() ? arrays.get(serving(geometry.l2(), use).get(0)) : walkCaches.get(data);
  }

  private void secondStage(TlbUse use, long gpa, int order, int references) {
    NestedTlb data = geometry.nested();
    if (order == PageWalk.NO_STAGE2) {
      return;
    }
    if (data.kind() == NestedTlb.Kind.NONE) {
      add("walks", "stage 2", references);
      return;
    }
    ReferenceArray place =
        data.kind() == NestedTlb.Kind.OWN ? nested : arrays.get(serving(geometry.l2(), use).get(0));
    ReferenceEntry entry = new ReferenceEntry(ReferenceEntry.Kind.NESTED, vmid, 0, gpa, order);
    entry.firstGpa = entry.start;
    entry.lastGpa = entry.start + (4096L << order) - 1;
    ReferenceEntry hit = find(place, entry);
    count("nested", "access");
    count("nested", hit == null ? "miss" : "hit");
    if (hit != null) {
      place.use(hit);
      return;
    }
    if (order >= data.minimumOrder()) {
      place.insert(entry);
      countFill("nested", order);
    }
    add("walks", "stage 2", references);
  }

  private void countFill(String level, String array, int order) {
    countFill(level, order);
    countFill(array, order);
  }

  private void countFill(String structure, int order) {
    count(structure, "fill");
    count(structure, "fill of order " + order);
  }

  private void count(String structure, String what) {
    add(structure, what, 1);
  }

  private void add(String structure, String what, long amount) {
    if (amount != 0) {
      counts.computeIfAbsent(structure, key -> new TreeMap<>()).merge(what, amount, Long::sum);
    }
  }
}
