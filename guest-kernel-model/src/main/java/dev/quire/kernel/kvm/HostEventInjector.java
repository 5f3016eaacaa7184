package dev.quire.kernel.kvm;

import dev.quire.kernel.mm.HostMemoryEvents;
import dev.quire.mmu.Order;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/**
 * Lets the host do things to a guest's memory, by a {@link HostEventPlan}: mostly where the guest
 * was seen lately. Which instruction an event comes before, what it is and where depend on the seed
 * and on what the guest did alone. Machine thread only.
 */
public final class HostEventInjector {
  private static final int REMEMBERED = 64;

  /** Of ten events, how many strike where the guest was lately. */
  private static final int LATELY_IN_TEN = 8;

  /** Base pages of a range, at most. */
  private static final int LONGEST_RANGE = 64;

  private final HostEventPlan plan;
  private final HostEvent[] kinds;
  private final HostMemoryEvents memory;
  private final Stage2Mmu stage2;
  private final Random random;
  private final long[] touched = new long[REMEMBERED];
  private int touches;
  private final long[] done = new long[HostEvent.values().length];
  private long refused;
  private long nextAt;

  public HostEventInjector(HostEventPlan plan, HostMemoryEvents memory, Stage2Mmu stage2) {
    this.plan = plan;
    this.kinds = plan.kinds().stream().sorted().toArray(HostEvent[]::new);
    this.memory = memory;
    this.stage2 = stage2;
    this.random = new Random(plan.seed());
    this.nextAt = plan.nextGap(random);
  }

  /** A second-stage fault of this address was served. */
  public void touched(long gpa) {
    touched[touches++ % REMEMBERED] = gpa >>> Order.BASE_PAGE_SHIFT;
  }

  /** The number of retired instructions at which {@link #runDue} has something to do next. */
  public long nextAt() {
    return nextAt;
  }

  /** Does what is due when this many instructions have retired. */
  public void runDue(long retired) {
    while (retired >= nextAt) {
      nextAt += plan.nextGap(random);
      inject();
    }
  }

  private void inject() {
    HostEvent kind = kinds[random.nextInt(kinds.length)];
    long gfn = chooseGfn();
    MemSlot slot = stage2.slots().find(gfn);
    long base = 1L << stage2.slots().baseOrder();
    long first = gfn & -base;
    long length = base * (random.nextInt(4) == 0 ? 1 + random.nextInt(LONGEST_RANGE) : 1);
    long pages = Math.min(length, slot.baseGfn() + slot.pages() - first);
    if (apply(kind, slot.hvaOf(first), first, pages)) {
      done[kind.ordinal()]++;
    } else {
      refused++;
    }
  }

  private boolean apply(HostEvent kind, long hva, long gfn, long pages) {
    return switch (kind) {
      case UNMAP -> memory.unmap(hva, pages << Order.BASE_PAGE_SHIFT);
      case WRITE_PROTECT -> memory.writeProtect(hva, pages << Order.BASE_PAGE_SHIFT);
      case SPLIT_PMD -> memory.splitMapping(hva);
      case SPLIT -> memory.split(hva);
      case MIGRATE -> memory.migrate(hva);
      case COLLAPSE -> memory.collapse(hva);
      case ZAP -> {
        long before = stage2.counters().leavesRemoved();
        stage2.unmap(gfn, pages);
        yield stage2.counters().leavesRemoved() != before;
      }
    };
  }

  private long chooseGfn() {
    if (touches > 0 && random.nextInt(10) < LATELY_IN_TEN) {
      return touched[random.nextInt(Math.min(touches, REMEMBERED))];
    }
    MemSlot slot = stage2.slots().at(random.nextInt(stage2.slots().count()));
    return slot.baseGfn() + random.nextLong(slot.pages());
  }

  /** How often the host did what, and {@code refused}: what the memory did not allow. */
  public Map<String, Long> counts() {
    Map<String, Long> counts = new LinkedHashMap<>();
    for (HostEvent kind : HostEvent.values()) {
      counts.put(kind.toString().replace('-', '_'), done[kind.ordinal()]);
    }
    counts.put("refused", refused);
    return counts;
  }
}
