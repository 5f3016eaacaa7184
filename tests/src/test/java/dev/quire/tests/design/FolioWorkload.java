package dev.quire.tests.design;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.Kernel;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.ShmemThpMode;
import dev.quire.kernel.mm.ThpDefrag;
import dev.quire.kernel.mm.ThpMode;
import dev.quire.kernel.mm.ThpSettings;
import dev.quire.kernel.stat.KernelCounters.Snapshot;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.LinuxArm64Pte;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/**
 * What pte-mapped-folio-benchmarks does, on 4 MiB of anonymous memory in folios of one order: what
 * each of its operations counts.
 */
final class FolioWorkload {
  enum Phase {
    TOUCH,
    /** Folios of a PMD's size get PTEs: a page of each is protected and given back. */
    REMAP,
    FORK,
    COW,
    CHILD_EXIT,
    DONTNEED_FIRST_HALF,
    MUNMAP_REST
  }

  static final int PAGES = 1024;
  private static final int PMD_ORDER = 9;
  private static final long BASE = 1L << 30;
  private static final long BYTES = PAGES << 12;
  private static final int RW = Mman.PROT_READ | Mman.PROT_WRITE;

  private final Map<Phase, Snapshot> counts = new EnumMap<>(Phase.class);
  private final Kernel kernel;
  private Snapshot last;

  FolioWorkload(KernelConfig config, int order) {
    ThpSettings thp =
        new ThpSettings(
            ThpMode.NEVER,
            order == 0 ? Map.of() : Map.of(order, ThpMode.ALWAYS),
            ShmemThpMode.NEVER,
            Map.of(),
            true,
            ThpDefrag.MADVISE);
    boolean x86 = config.architecture() == HostArchitecture.X86_64;
    kernel =
        new Kernel(
            config.withThp(thp),
            x86 ? new LinuxX86Pte(Ia32ePte.FOUR_LEVEL) : new LinuxArm64Pte(Granule.SIZE_4K, 48));
    Process parent = kernel.spawn();
    int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_FIXED;
    expect(BASE, parent.mmap(BASE, BYTES, RW, flags, null, 0));
    last = kernel.counters().snapshot();
    for (long at = BASE; at < BASE + BYTES; at += 4096) {
      expect(0, parent.touch(at, true));
    }
    done(Phase.TOUCH);
    if (order == PMD_ORDER) {
      remap(parent);
    }
    done(Phase.REMAP);
    Process child = parent.fork();
    done(Phase.FORK);
    expect(0, child.touch(BASE, true));
    done(Phase.COW);
    child.exit();
    done(Phase.CHILD_EXIT);
    for (long at = BASE; at < BASE + BYTES / 2; at += 4096) {
      expect(0, parent.madvise(at, 4096, Mman.MADV_DONTNEED));
    }
    done(Phase.DONTNEED_FIRST_HALF);
    expect(0, parent.munmap(BASE, BYTES));
    done(Phase.MUNMAP_REST);
    parent.exit();
  }

  private static void remap(Process parent) {
    for (long at = BASE; at < BASE + BYTES; at += 1L << PMD_ORDER + 12) {
      expect(0, parent.mprotect(at + (15 << 12), 4096, Mman.PROT_READ));
    }
    expect(0, parent.mprotect(BASE, BYTES, RW));
  }

  private static void expect(long expected, long answer) {
    if (answer != expected) {
      throw new AssertionError("the modelled kernel answered " + answer);
    }
  }

  private void done(Phase phase) {
    Snapshot now = kernel.counters().snapshot();
    counts.put(phase, now.minus(last));
    last = now;
  }

  long count(Phase phase, Primitive primitive) {
    return counts.get(phase).of(primitive);
  }

  /** Primitives that this run and another counted differently in a phase. */
  Set<Primitive> difference(FolioWorkload other, Phase phase) {
    Set<Primitive> different = EnumSet.noneOf(Primitive.class);
    for (Primitive primitive : Primitive.values()) {
      if (count(phase, primitive) != other.count(phase, primitive)) {
        different.add(primitive);
      }
    }
    return different;
  }

  static KernelConfig x86() {
    return KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 1 << 14);
  }

  static KernelConfig arm64() {
    return KernelConfig.of(HostArchitecture.ARM64, HostGranule.BASE_4K, 1 << 14);
  }
}
