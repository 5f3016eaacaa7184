package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.Pacing;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.kernel.kvm.HostEvent;
import dev.quire.kernel.kvm.HostEventPlan;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.mmu.MmuEvent;
import dev.quire.tests.Guests.Image;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever the host backs a guest with, and whatever it does to that memory meanwhile, the guest
 * computes, prints, faults and times the same: the host unmaps, write-protects, splits, migrates,
 * collapses and zaps at random. In the full profile every built-in guest on every legal policy; in
 * the test command every guest on one, and a short guest on every policy.
 */
class HostPagesTest {
  private static final boolean FULL = Integer.getInteger("quire.test.scale", 1) > 1;

  private static final long SEED = 20261121;

  /** Events of a run, about. */
  private static final double EVENTS = 200;

  /** The guest that spins for ever ends here. */
  private static final long LIMIT = 300_000;

  private static final Map<String, Seen> CALM = new HashMap<>();

  /** A guest on a host, and the seed of what that host does. */
  record Cell(Image image, String policy, long seed) {
    @Override
    public String toString() {
      return image + " on " + policy;
    }
  }

  /** All that a guest could tell, and its accessed and dirty bits. */
  private record Seen(long instructions, String text) {}

  static List<Cell> cells() {
    List<Cell> cells = new ArrayList<>();
    int turn = 0;
    for (Image image : Guests.manifest()) {
      List<String> policies = policies(image.name().endsWith("arm64"));
      int one = turn++ * 5 % policies.size();
      for (int i = 0; i < policies.size(); i++) {
        if (FULL || i == one || image.name().startsWith("faults")) {
          cells.add(new Cell(image, policies.get(i), SEED + cells.size()));
        }
      }
    }
    return cells;
  }

  /** Every policy that a host of the architecture can have, and those with contiguous bits. */
  private static List<String> policies(boolean arm64) {
    List<String> policies = new ArrayList<>();
    for (HostGranule granule : HostGranule.values()) {
      if (!arm64 && granule != HostGranule.BASE_4K) {
        continue;
      }
      String prefix = granule == HostGranule.BASE_4K ? "" : granule + ":";
      HostPagePolicy.names(granule).forEach(name -> policies.add(prefix + name));
    }
    if (arm64) {
      policies.addAll(List.of("mthp-64k+contpte", "mthp-all+contpte", "16k:hugetlb-2m+contpte"));
    }
    return policies;
  }

  @ParameterizedTest
  @MethodSource("cells")
  void theGuestDoesNotNotice(Cell cell) {
    HostPagePolicy policy = HostPagePolicy.parse(cell.policy());
    long memory = policy.name().contains("hugetlb-1g") ? 1L << 30 : Guests.MEMORY_BYTES;
    Seen calm =
        CALM.computeIfAbsent(
            cell.image() + " " + memory,
            key -> run(cell.image(), HostPagePolicy.BASE, memory, null));
    HostEventPlan events =
        new HostEventPlan(
            cell.seed(),
            Math.min(1e5, EVENTS * 1e6 / calm.instructions()),
            EnumSet.allOf(HostEvent.class));
    Seen disturbed = run(cell.image(), policy, memory, events);
    assertThat(disturbed).isEqualTo(calm);
    assertThat(calm.text()).contains(cell.image().expected());
  }

  private static Seen run(
      Image image, HostPagePolicy policy, long memoryBytes, HostEventPlan events) {
    BootPlan plan =
        BootLoader.plan(
            new BootRequest(
                new GuestFile(image.name(), Guests.bytes(image.name())),
                null,
                "mib=2 iters=1",
                memoryBytes,
                image.cpus(),
                null));
    long limit = image.status().equals("limit") ? LIMIT : Guests.ENOUGH_INSTRUCTIONS;
    StringBuilder console = new StringBuilder();
    MachineConfig config =
        new MachineConfig(policy, SEED, limit, value -> console.append((char) (value & 0xff)))
            .withHostEvents(events);
    try (VirtualMachine machine = VirtualMachine.create(config, plan, Pacing.STANDARD)) {
      RunResult result = machine.run();
      if (events != null) {
        assertThat(happened(result)).as("events in %s", result.hostEvents()).isPositive();
      }
      return new Seen(result.instructions(), visible(result) + console);
    }
  }

  private static long happened(RunResult result) {
    Map<String, Long> events = new HashMap<>(result.hostEvents());
    events.remove("refused");
    return events.values().stream().mapToLong(Long::longValue).sum();
  }

  private static String visible(RunResult result) {
    StringBuilder text = new StringBuilder();
    text.append(result.status()).append(' ').append(result.reason());
    text.append(' ').append(result.virtualNanos());
    for (RunResult.VcpuResult vcpu : result.vcpus()) {
      text.append('\n').append(vcpu.instructions());
      text.append(' ').append(vcpu.guestFaults()).append(' ').append(vcpu.interrupts());
      text.append(' ').append(vcpu.ioExits()).append(' ').append(vcpu.mmioExits());
      text.append(' ').append(vcpu.exceptions()).append(vcpu.pageFaults());
      text.append(' ').append(vcpu.mmu().get(MmuEvent.ACCESSED_SET));
      text.append(' ').append(vcpu.mmu().get(MmuEvent.DIRTY_SET));
    }
    return text.append('\n').toString();
  }
}
