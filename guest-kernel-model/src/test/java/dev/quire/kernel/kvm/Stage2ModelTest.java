package dev.quire.kernel.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.GuestBacking;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.mmu.Access;
import dev.quire.mmu.FakePteFormat;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/**
 * Random faults, slot changes, discards and other host events against maps: what a guest reads is
 * what it (or its alias) wrote last, and a vCPU that caches every translation until told otherwise
 * never holds a stale one.
 */
class Stage2ModelTest {
  private static final long HVA = 0x7f00_0000_0000L;
  private static final long HOST_BYTES = 16 << 20;
  private static final HostPagePolicy[] POLICIES = {
    HostPagePolicy.BASE,
    HostPagePolicy.THP,
    HostPagePolicy.HUGETLB_2M,
    HostPagePolicy.parse("mthp-64k"),
    HostPagePolicy.parse("mthp-all"),
    HostPagePolicy.parse("shmem"),
    HostPagePolicy.parse("gmem")
  };

  private final FakePteFormat format = new FakePteFormat();
  private HostMemory memory;
  private GuestBacking space;
  private MemSlots slots;
  private Stage2Mmu stage2;

  /** The naive model: what each host page holds, and what the vCPU has cached by gfn. */
  private final Map<Long, Long> contentByHva = new HashMap<>();

  private final Map<Long, Long> cachedByGfn = new HashMap<>();

  @Property(tries = 40, seed = "20260102")
  void guestsSeeTheirOwnBytesAndNoStaleFrame(@ForAll long seed) {
    Random random = new Random(seed);
    try (Arena arena = Arena.ofConfined()) {
      memory = new HostMemory(arena.allocate(64 << 20, 4096));
      HostPagePolicy policy = POLICIES[random.nextInt(POLICIES.length)];
      TestHost host = TestHost.kernel(memory, policy);
      FrameAllocator frames = host.frames();
      space = host.space();
      space.map(HVA, HOST_BYTES);
      slots = new MemSlots(8, 48);
      stage2 = new Stage2Mmu(slots, space, memory, frames, format, random.nextBoolean());
      long rootPages = stage2.counters().tablePages();
      contentByHva.clear();
      cachedByGfn.clear();
      stage2.addListener(
          range ->
              cachedByGfn
                  .keySet()
                  .removeIf(
                      gfn -> gfn << 12 >= range.gpa() && gfn << 12 < range.gpa() + range.bytes()));
      for (int step = 0; step < 1500; step++) {
        step(random);
      }
      for (int id = 0; id < 8; id++) {
        stage2.setRegion(id, 0, 0, 0, 0);
      }
      stage2.unmap(0, 1L << 36);
      space.discard(HVA, HOST_BYTES);
      assertThat(cachedByGfn).isEmpty();
      assertThat(stage2.counters().tablePages()).isEqualTo(rootPages);
    }
  }

  private void step(Random random) {
    int choice = random.nextInt(100);
    if (choice < 78) {
      access(gfn(random), random.nextBoolean(), random.nextLong());
    } else if (choice < 84) {
      changeSlot(random);
      checkCache();
    } else if (choice < 92) {
      hostEvent(random);
      checkCache();
    } else if (choice < 95) {
      long first = random.nextInt(4096);
      long pages = 1L + random.nextInt(random.nextBoolean() ? 8 : 1024);
      pages = Math.min(pages, 4096 - first);
      space.discard(HVA + (first << 12), pages << 12);
      for (long page = first; page < first + pages; page++) {
        contentByHva.remove(HVA + (page << 12));
      }
      checkCache();
    } else if (choice < 98) {
      stage2.unmap(gfn(random), random.nextInt(600));
      checkCache();
    } else {
      for (int i = 0; i < slots.count(); i++) {
        if (slots.at(i).logsDirtyPages()) {
          stage2.dirtyLogs().take(slots.at(i).id());
        }
      }
      checkCache();
    }
  }

  private void hostEvent(Random random) {
    long page = random.nextInt(4096);
    long hva = HVA + (page << 12);
    long bytes = Math.min(1L + random.nextInt(40), 4096 - page) << 12;
    switch (random.nextInt(6)) {
      case 0 -> space.unmap(hva, bytes);
      case 1 -> space.writeProtect(hva, bytes);
      case 2 -> space.splitMapping(hva);
      case 3 -> space.split(hva);
      case 4 -> space.migrate(hva);
      default -> space.collapse(hva);
    }
  }

  private void changeSlot(Random random) {
    int id = random.nextInt(8);
    long pages = random.nextInt(4) == 0 ? 0 : random.nextBoolean() ? 1024 : random.nextInt(700);
    long hvaPage = (long) random.nextInt(6) * 512 + (random.nextInt(4) == 0 ? 3 : 0);
    MemSlot old = slots.byId(id);
    boolean keep = old != null && random.nextBoolean();
    stage2.setRegion(
        id,
        random.nextInt(3) == 0 ? random.nextInt(4) : 0,
        random.nextInt(3) == 0 && keep ? old.baseGfn() << 12 : gfn(random) >> 8 << 20,
        keep ? old.pages() << 12 : pages << 12,
        keep ? old.hva() : HVA + (hvaPage << 12));
  }

  private static long gfn(Random random) {
    long base = random.nextInt(8) == 0 ? 1L << 28 : 0;
    return base + random.nextInt(8192);
  }

  /** One guest access as a vCPU makes it: from its cache, else the tables, else a fault. */
  private void access(long gfn, boolean write, long value) {
    MemSlot slot = slots.find(gfn);
    int right = write ? Protection.WRITE : Protection.READ;
    long cached = cachedByGfn.getOrDefault(gfn, walk(gfn));
    if ((Translation.rights(cached) & right) == 0) {
      long result = stage2.fault(gfn << 12, write ? Access.WRITE : Access.READ);
      if (slot == null) {
        assertThat(result).isEqualTo(Stage2Mmu.MMIO);
        return;
      }
      if (write && slot.isReadonly()) {
        assertThat(result).isEqualTo(Stage2Mmu.READONLY_MMIO);
        return;
      }
      if (result == Stage2Mmu.OUT_OF_MEMORY) {
        return;
      }
      if (result == Stage2Mmu.RETRY) {
        result = stage2.fault(gfn << 12, write ? Access.WRITE : Access.READ);
      }
      assertThat(Stage2Mmu.code(result)).isEqualTo(Stage2Mmu.MAPPED);
      cached = walk(gfn);
      assertThat(Translation.rights(cached) & right).as("rights after the fault").isNotZero();
    }
    assertThat(slot).as("slot of a mapped gfn").isNotNull();
    cachedByGfn.put(gfn, cached);
    long pa = Translation.pa(cached);
    long hva = slot.hvaOf(gfn);
    assertThat(memory.readLong(pa)).isEqualTo(contentByHva.getOrDefault(hva, 0L));
    if (write) {
      memory.writeLong(pa, value);
      contentByHva.put(hva, value);
    }
  }

  private void checkCache() {
    cachedByGfn.forEach(
        (gfn, cached) -> {
          MemSlot slot = slots.find(gfn);
          assertThat(slot).as("slot of cached gfn 0x%x", gfn).isNotNull();
          long host = space.lookup(slot.hvaOf(gfn));
          assertThat(Translation.failed(host)).isFalse();
          assertThat(Translation.pfn(cached)).isEqualTo(Translation.pfn(host));
          assertThat(Translation.rights(cached) & ~Translation.rights(host)).isZero();
          if (slot.isReadonly()) {
            assertThat(Translation.rights(cached) & Protection.WRITE).isZero();
          }
        });
  }

  /** The translation in the tables, or 0 (no rights). */
  private long walk(long gfn) {
    long gpa = gfn << 12;
    long table = stage2.root();
    for (int level = format.rootLevel(); level >= 0; level--) {
      long entry = memory.readLong((table << 12) + 8L * format.index(gpa, level));
      if (!format.isPresent(entry)) {
        return 0;
      }
      if (format.isLeaf(entry, level)) {
        int order = format.leafOrder(level);
        long inside = (gpa & Order.offsetMask(order)) >>> 12;
        return Translation.of(
            format.pfn(entry, level) + inside, format.protection(entry, level), order, order);
      }
      table = format.pfn(entry, level);
    }
    throw new AssertionError("no leaf at level 0");
  }
}
