package dev.quire.lab.tlb;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.page.Fragmentation;
import dev.quire.lab.stream.AccessStream;
import dev.quire.lab.stream.BadStreamException;
import dev.quire.lab.stream.GuestPages;
import dev.quire.lab.stream.PackedAccess;
import dev.quire.lab.stream.StreamAddressSpace;
import dev.quire.lab.stream.StreamSpec;
import dev.quire.mmu.tlb.TlbCounters;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbHierarchy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;

/** Runs cells on a stream: one pass of it feeds every geometry, in batches. */
public final class StreamCellRunner implements CellRunner {
  /** Small enough that a batch stays in a core's cache while every geometry takes it. */
  private static final int BATCH = 4096;

  private static final int HOST_PROCESS = 0;
  private static final int GUEST = 1;

  private final StreamSpec stream;
  private final HostArchitecture architecture;
  private final double fragmentation;
  private final long warmUp;
  private final long seed;
  private final LongConsumer progress;
  private final long[] accesses = new long[BATCH];
  private final int[] pages = new int[BATCH];
  private final int[] times = new int[BATCH];
  private volatile boolean interrupted;

  /**
   * @param architecture of the guest and the host
   * @param fragmentation share of folios that the host does not have, 0 to 1
   * @param warmUp accesses before counting starts
   * @param progress hears of accesses done in the cell, now and then
   */
  public StreamCellRunner(
      StreamSpec stream,
      HostArchitecture architecture,
      double fragmentation,
      long warmUp,
      long seed,
      LongConsumer progress) {
    this.stream = stream;
    this.architecture = architecture;
    this.fragmentation = fragmentation;
    this.warmUp = warmUp;
    this.seed = seed;
    this.progress = progress;
  }

  @Override
  public void interrupt() {
    interrupted = true;
  }

  @Override
  public List<TlbFigures> run(TlbCell cell, List<TlbGeometry> geometries) {
    StreamAddressSpace space = space(cell);
    TlbHierarchy[] hierarchies = new TlbHierarchy[geometries.size()];
    for (int i = 0; i < hierarchies.length; i++) {
      hierarchies[i] = new TlbHierarchy(geometries.get(i), space.pages(), seed);
      hierarchies[i].addressSpace(space.asid(), cell.guestPages() == null ? HOST_PROCESS : GUEST);
    }
    try (AccessStream input = stream.open(seed)) {
      long warm = feed(input, space, hierarchies, warmUp, null);
      TlbCounters.Snapshot[] before = new TlbCounters.Snapshot[hierarchies.length];
      for (int i = 0; i < before.length; i++) {
        before[i] = hierarchies[i].counters().snapshot();
      }
      long[] instructions = new long[1];
      long counted = feed(input, space, hierarchies, Long.MAX_VALUE, instructions);
      if (counted == 0 && !interrupted) {
        throw new BadStreamException(
            "stream '%s' has %d accesses: a warm-up of %d leaves none to count"
                .formatted(stream, warm, warmUp));
      }
      List<TlbFigures> figures = new ArrayList<>();
      if (!interrupted) {
        for (int i = 0; i < hierarchies.length; i++) {
          figures.add(
              new TlbFigures(
                  hierarchies[i].counters().snapshot().minus(before[i]),
                  instructions[0],
                  hierarchies[i].reachBytes()));
        }
      }
      return figures;
    }
  }

  private StreamAddressSpace space(TlbCell cell) {
    Fragmentation shares = new Fragmentation(fragmentation, seed);
    return cell.guestPages() == null
        ? StreamAddressSpace.ofHostProcess(cell.hostPages(), architecture, shares, seed)
        : StreamAddressSpace.nested(
            GuestPages.parse(cell.guestPages(), architecture),
            cell.hostPages(),
            architecture,
            shares,
            seed);
  }

  /**
   * Feeds up to {@code most} accesses.
   *
   * @param instructions instructions are added to its element, if there is one
   * @return how many accesses there were
   */
  private long feed(
      AccessStream input,
      StreamAddressSpace space,
      TlbHierarchy[] hierarchies,
      long most,
      long[] instructions) {
    long done = 0;
    while (done < most && !interrupted) {
      int count = input.read(accesses, (int) Math.min(BATCH, most - done));
      if (count == 0) {
        break;
      }
      if (instructions != null) {
        instructions[0] += instructionsOf(accesses, count);
      }
      int runs = compact(accesses, times, count);
      space.resolve(accesses, runs, pages);
      for (TlbHierarchy hierarchy : hierarchies) {
        feed(hierarchy, accesses, pages, times, runs);
      }
      done += count;
      progress.accept(done);
    }
    return done;
  }

  /**
   * Joins accesses of one type to one page that follow each other: the first of each run stays.
   *
   * @param times receives the length of each run
   * @return how many runs there are
   */
  static int compact(long[] accesses, int[] times, int count) {
    int runs = 0;
    long last = -1;
    for (int i = 0; i < count; i++) {
      long access = accesses[i];
      long key = PackedAccess.vpn(access) << 2 | PackedAccess.type(access);
      if (key == last) {
        times[runs - 1]++;
      } else {
        accesses[runs] = access;
        times[runs] = 1;
        runs++;
        last = key;
      }
    }
    return runs;
  }

  private static void feed(
      TlbHierarchy hierarchy, long[] accesses, int[] pages, int[] times, int runs) {
    for (int i = 0; i < runs; i++) {
      long vpn = PackedAccess.vpn(accesses[i]);
      int type = PackedAccess.type(accesses[i]);
      if (times[i] == 1) {
        hierarchy.access(vpn, type, pages[i]);
      } else {
        hierarchy.access(vpn, type, pages[i], times[i]);
      }
    }
  }

  private static int instructionsOf(long[] accesses, int count) {
    int instructions = 0;
    for (int i = 0; i < count; i++) {
      instructions += (int) (accesses[i] >>> 63);
    }
    return instructions;
  }
}
