package dev.quire.emulator.measure;

import dev.quire.mmu.FillCache;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.tlb.TlbCounters;
import java.util.ArrayList;
import java.util.List;

/**
 * The measured part of a machine: its vCPUs' models and the region of interest, which a guest may
 * bound by the markers {@value #BEGIN} and {@value #END}; without them it is the whole run, or what
 * is left of it. Each {@value #BEGIN} starts afresh. Machine thread only.
 */
public final class Measurement {
  public static final String BEGIN = "roi-begin";
  public static final String END = "roi-end";

  private final MeasureConfig config;
  private final long hostFrames;
  private final List<MeasuredVcpu> vcpus = new ArrayList<>();

  /** What a restored machine had counted when its snapshot was taken; null in one that booted. */
  private List<Counted> start;

  private List<Counted> before;
  private List<Counted> after;

  /**
   * What one vCPU had done at a moment: a machine's own counts beside the model's.
   *
   * @param tlbs by geometry
   * @param reachBytes by geometry: what the last level's entries cover at that moment
   */
  public record Counted(
      long instructions,
      long guestFaults,
      long stage2Faults,
      long aliases,
      List<TlbCounters.Snapshot> tlbs,
      List<Long> reachBytes) {

    Counted minus(Counted earlier) {
      List<TlbCounters.Snapshot> difference = new ArrayList<>();
      for (int i = 0; i < tlbs.size(); i++) {
        difference.add(tlbs.get(i).minus(earlier.tlbs.get(i)));
      }
      return new Counted(
          instructions - earlier.instructions,
          guestFaults - earlier.guestFaults,
          stage2Faults - earlier.stage2Faults,
          aliases - earlier.aliases,
          difference,
          reachBytes);
    }
  }

  /** Tells what every vCPU has done so far. */
  public interface Moment {
    List<Counted> now();
  }

  /**
   * @param hostFrames frames of host memory that guest pages lie in
   */
  public Measurement(MeasureConfig config, long hostFrames) {
    this.config = config;
    this.hostFrames = hostFrames;
  }

  /** Adds the model of one more vCPU, which its engine must then feed. */
  public MeasuredVcpu add(Mmu mmu, FillCache softTlb) {
    MeasuredVcpu vcpu = new MeasuredVcpu(config, vcpus.size(), hostFrames, mmu, softTlb);
    vcpus.add(vcpu);
    return vcpu;
  }

  /** A vCPU's model. */
  public MeasuredVcpu vcpu(int index) {
    return vcpus.get(index);
  }

  /**
   * The machine goes on where a snapshot was taken: nothing before is measured, and a region that
   * the guest was in begins here.
   *
   * @param markers that the guest had written
   */
  public void resumed(List<String> markers, Moment moment) {
    start = moment.now();
    if (markers.lastIndexOf(BEGIN) > markers.lastIndexOf(END)) {
      before = start;
    }
  }

  /** The guest wrote a marker. */
  public void marker(String line, Moment moment) {
    if (line.equals(BEGIN)) {
      before = moment.now();
      after = null;
    } else if (line.equals(END) && before != null && after == null) {
      after = moment.now();
    }
  }

  /** The region's counts by vCPU. */
  public List<Counted> region(Moment moment) {
    List<Counted> end = after == null ? moment.now() : after;
    List<Counted> from = before == null ? start : before;
    if (from == null) {
      return end;
    }
    List<Counted> region = new ArrayList<>();
    for (int i = 0; i < end.size(); i++) {
      region.add(end.get(i).minus(from.get(i)));
    }
    return region;
  }

  /** Whether the guest has marked a region. */
  public boolean isMarked() {
    return before != null;
  }
}
