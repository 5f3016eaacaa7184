package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.machine.Pacing;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.tests.Guests.Run;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Virtual time is exact: what a run counts and prints depends neither on where the machine stops
 * the core nor on what the core's own caches hold.
 */
class ExactnessTest {
  private static final long SEED = 20260101;

  /** Turns of one instruction: the engine steps, and the host counts each step. */
  private static final Pacing SINGLE_STEPS = turns(1, 1, 0, SEED);

  private static Pacing turns(int least, int most, int flushOneIn, long seed) {
    Random random = new Random(seed);
    return new Pacing() {
      @Override
      public long nextSliceInstructions() {
        return (long) least + random.nextInt(most - least + 1);
      }

      @Override
      public void afterSlice(Vcpu vcpu) {
        if (flushOneIn > 0 && random.nextInt(flushOneIn) == 0) {
          vcpu.engine().flushAll();
        }
      }
    };
  }

  @ParameterizedTest
  @CsvSource({
    "hello-x86_64,''",
    "hello-arm64,''",
    "faults-x86_64,''",
    "faults-arm64,''",
    "irq-x86_64,''",
    "irq-arm64,''",
    "multiboot-x86_64,''"
  })
  void blockCountingAgreesWithSingleSteps(String guest, String arguments) {
    BootPlan plan = Guests.plan(guest, 1, arguments);
    Run whole = Guests.run(plan, Guests.ENOUGH_INSTRUCTIONS, Pacing.STANDARD);
    Run steps = Guests.run(plan, Guests.ENOUGH_INSTRUCTIONS, SINGLE_STEPS);
    assertThat(steps.comparable()).isEqualTo(whole.comparable());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "hello-x86_64",
        "hello-arm64",
        "faults-x86_64",
        "faults-arm64",
        "paging-x86_64",
        "irq-x86_64",
        "irq-arm64",
        "btree-x86_64",
        "gups-arm64"
      })
  void stopsAnywhereAndSoftTlbFlushesChangeNothing(String guest) {
    BootPlan plan = Guests.plan(guest, 1, "");
    Run calm = Guests.run(plan, Guests.ENOUGH_INSTRUCTIONS, Pacing.STANDARD);
    Run disturbed = Guests.run(plan, Guests.ENOUGH_INSTRUCTIONS, turns(1, 2_000, 3, SEED));
    assertThat(disturbed.comparable()).isEqualTo(calm.comparable());
  }

  @ParameterizedTest
  @ValueSource(strings = {"smp-x86_64", "smp-arm64"})
  void softTlbFlushesChangeNothingWithSeveralVcpus(String guest) {
    BootPlan plan = Guests.plan(guest, 4, "");
    Run calm = Guests.run(plan, Guests.ENOUGH_INSTRUCTIONS, Pacing.STANDARD);
    Run disturbed = Guests.run(plan, Guests.ENOUGH_INSTRUCTIONS, turns(10_000, 10_000, 2, SEED));
    assertThat(disturbed.comparable()).isEqualTo(calm.comparable());
  }

  @ParameterizedTest
  @CsvSource({"hello-x86_64,1", "hello-arm64,1", "smp-x86_64,4", "smp-arm64,4", "spin-arm64,1"})
  void stopsAfterExactlyTheInstructionsAllowed(String guest, int cpus) {
    BootPlan plan = Guests.plan(guest, cpus, "");
    Random random = new Random(SEED);
    for (int i = 0; i < 12; i++) {
      long limit = 1L + random.nextInt(60_000);
      Run run = Guests.run(plan, limit, Pacing.STANDARD);
      assertThat(run.result().instructions()).isEqualTo(limit);
      assertThat(run.result().status()).isEqualTo(RunStatus.LIMIT);
      long byVcpu = run.result().vcpus().stream().mapToLong(v -> v.instructions()).sum();
      assertThat(byVcpu).isEqualTo(limit);
    }
  }
}
