package dev.quire.emulator.device.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PsciHandlerTest {
  private final List<String> log = new ArrayList<>();
  private final PsciHandler psci =
      new PsciHandler(
          new PsciHost() {
            @Override
            public long cpuOn(long targetMpidr, long entryGpa, long contextId) {
              log.add("on %x %x %x".formatted(targetMpidr, entryGpa, contextId));
              return PsciHandler.ALREADY_ON;
            }

            @Override
            public long cpuOff() {
              log.add("off");
              return PsciHandler.DENIED;
            }

            @Override
            public long cpuSuspend(long powerState, long entryGpa, long contextId) {
              log.add("suspend %x %x %x".formatted(powerState, entryGpa, contextId));
              return PsciHandler.SUCCESS;
            }

            @Override
            public long affinityInfo(long targetAffinity, long lowestAffinityLevel) {
              log.add("info %x %x".formatted(targetAffinity, lowestAffinityLevel));
              return 1;
            }

            @Override
            public void systemOff() {
              log.add("system off");
            }

            @Override
            public void systemReset() {
              log.add("system reset");
            }
          });

  @Test
  void versionsAndFeatures() {
    assertThat(psci.call(0x8400_0000L, 0, 0, 0)).isEqualTo(0x1_0000);
    assertThat(psci.call(0x8000_0000L, 0, 0, 0)).isEqualTo(0x1_0001);
    assertThat(psci.call(0x8400_0006L, 0, 0, 0)).isEqualTo(2);
    for (long known : new long[] {0, 1, 2, 3, 4, 6, 8, 9, 10}) {
      assertThat(psci.call(0x8400_000aL, 0x8400_0000L | known, 0, 0)).isZero();
    }
    assertThat(psci.call(0x8400_000aL, 0xc400_0003L, 0, 0)).isZero();
    assertThat(psci.call(0x8400_000aL, 0xc400_0008L, 0, 0)).isEqualTo(-1);
    assertThat(psci.call(0x8400_000aL, 0x8400_0005L, 0, 0)).isEqualTo(-1);
    assertThat(psci.call(0x8400_000aL, 0x8000_0000L, 0, 0)).isZero();
    assertThat(psci.call(0x8000_0001L, 0x8000_8000L, 0, 0)).isEqualTo(-1);
  }

  @Test
  void a64BitCallPassesWholeArgumentsAndA32BitOneTheirLowWords() {
    assertThat(psci.call(0xc400_0003L, 0x1_0000_0001L, 0x2_0000_0002L, -1L)).isEqualTo(-4);
    assertThat(psci.call(0x8400_0003L, 0x1_0000_0001L, 0x2_0000_0002L, -1L)).isEqualTo(-4);
    psci.call(0xffff_ffff_c400_0004L, 3, 0xff_0000_0000L, 0); // the id is a 32-bit word
    psci.call(0xc400_0001L, 0x1_0000_0000L, 5, 6);
    assertThat(log)
        .containsExactly(
            "on 100000001 200000002 ffffffffffffffff",
            "on 1 2 ffffffff",
            "info 3 0",
            "suspend 0 5 6");
  }

  @Test
  void powerCallsReachTheHostAndFailIfItReturns() {
    assertThat(psci.call(0x8400_0002L, 0, 0, 0)).isEqualTo(-3);
    assertThat(psci.call(0x8400_0008L, 0, 0, 0)).isEqualTo(-6);
    assertThat(psci.call(0x8400_0009L, 0, 0, 0)).isEqualTo(-6);
    assertThat(log).containsExactly("off", "system off", "system reset");
  }

  @Test
  void everythingElseIsNotSupported() {
    for (long id : new long[] {0, -1, 0xc400_0000L, 0xc400_0002L, 0x8400_0005L, 0x8600_0000L}) {
      assertThat(psci.call(id, 1, 2, 3)).isEqualTo(-1);
    }
    assertThat(log).isEmpty();
  }
}
