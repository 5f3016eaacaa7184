package dev.quire.lab.bench;

import dev.quire.kernel.mm.HostMemory;
import dev.quire.mmu.Access;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.MmuEvent;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Cr4;
import dev.quire.mmu.x86.Efer;
import dev.quire.mmu.x86.EptEntry;
import dev.quire.mmu.x86.EptWalker;
import dev.quire.mmu.x86.Eptp;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.RegisterWrite;
import dev.quire.mmu.x86.X86Mmu;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a soft-TLB fill costs inside Java when nothing is cached: four-level guest tables under
 * four-level EPT, 24 memory references (four tables, each found by four EPT references, and four
 * for the page itself). Beside it, the same fill when the architectural TLB holds the page.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgs = {
      "-Xmx512m",
      "-XX:+UseSerialGC",
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow"
    })
public class NestedFill {
  private static final int REFERENCES = 24;
  private static final int PAGES = 256;
  private static final long ARENA_BYTES = 8L << 20;
  private static final int ADDRESS_BITS = 40;
  private static final long EPT_ROOT_PA = 0x1000;
  private static final long GUEST_ROOT_GPA = 0x10_000;
  private static final long GUEST_DATA_GPA = 0x20_0000;
  private static final long GUEST_VA = 0x7f12_3440_0000L;
  private static final long EPT_LEAF = EptEntry.RIGHTS | (long) EptEntry.WRITE_BACK << 3;
  private static final long TABLE = Ia32ePte.P | Ia32ePte.RW | Ia32ePte.US | Ia32ePte.A;
  private static final long PAGE = TABLE | Ia32ePte.D;

  private HostMemory memory;
  private X86Mmu mmu;
  private int next;

  /** Builds tables with accessed and dirty bits set, and proves the number of references. */
  @Setup
  public void build() {
    memory = new HostMemory(Arena.ofAuto().allocate(ARENA_BYTES, 4096));
    eptTables();
    guestTables();
    MmuCounters counters = new MmuCounters();
    EptWalker ept = new EptWalker(memory, counters, ADDRESS_BITS, Eptp.of(EPT_ROOT_PA, 4, false));
    mmu = new X86Mmu(memory, ept, counters, ADDRESS_BITS);
    RegisterWrite loaded =
        mmu.control().load(Cr0.PE | Cr0.PG | Cr0.WP, GUEST_ROOT_GPA, Cr4.PAE, Efer.LME | Efer.LMA);
    long translation = mmu.translate(GUEST_VA, Access.READ | Access.USER);
    long references =
        counters.get(MmuEvent.STAGE1_REFERENCE) + counters.get(MmuEvent.STAGE2_REFERENCE);
    if (loaded != RegisterWrite.DONE
        || Translation.failed(translation)
        || references != REFERENCES) {
      throw new IllegalStateException(
          "the walk made " + references + " references, not " + REFERENCES);
    }
  }

  /** Maps every guest page to the host page of the same number. */
  private void eptTables() {
    long directory = EPT_ROOT_PA + 0x2000;
    memory.writeLong(EPT_ROOT_PA, (EPT_ROOT_PA + 0x1000) | EptEntry.RIGHTS);
    memory.writeLong(EPT_ROOT_PA + 0x1000, directory | EptEntry.RIGHTS);
    for (long page = 0; page < ARENA_BYTES >> 12; page++) {
      long table = directory + 0x1000 + (page >> 9 << 12);
      memory.writeLong(directory + 8 * (page >> 9), table | EptEntry.RIGHTS);
      memory.writeLong(table + 8 * (page & 511), page << 12 | EPT_LEAF);
    }
  }

  private void guestTables() {
    long table = GUEST_ROOT_GPA;
    for (int level = 4; level >= 2; level--) {
      long index = GUEST_VA >>> (12 + 9 * (level - 1)) & 511;
      memory.writeLong(table + 8 * index, (table + 0x1000) | TABLE);
      table += 0x1000;
    }
    for (int page = 0; page < PAGES; page++) {
      memory.writeLong(table + 8L * page, (GUEST_DATA_GPA + page * 0x1000L) | PAGE);
    }
  }

  private long nextVa() {
    return GUEST_VA + ((long) (next++ & PAGES - 1) << 12);
  }

  /** A fill that walks everything, with the INVLPG that makes it necessary. */
  @Benchmark
  public long nestedWalk() {
    long va = nextVa();
    mmu.invlpg(va);
    return mmu.translate(va, Access.READ | Access.USER);
  }

  /** A fill answered by the architectural TLB. */
  @Benchmark
  public long tlbHit() {
    return mmu.translate(nextVa(), Access.READ | Access.USER);
  }
}
