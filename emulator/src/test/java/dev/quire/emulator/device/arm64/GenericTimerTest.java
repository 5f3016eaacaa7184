package dev.quire.emulator.device.arm64;

import static dev.quire.emulator.device.arm64.TimerRegister.CNTFRQ_EL0;
import static dev.quire.emulator.device.arm64.TimerRegister.CNTPCT_EL0;
import static dev.quire.emulator.device.arm64.TimerRegister.CNTP_CTL_EL0;
import static dev.quire.emulator.device.arm64.TimerRegister.CNTP_CVAL_EL0;
import static dev.quire.emulator.device.arm64.TimerRegister.CNTP_TVAL_EL0;
import static dev.quire.emulator.device.arm64.TimerRegister.CNTVCT_EL0;
import static dev.quire.emulator.device.arm64.TimerRegister.CNTVOFF_EL2;
import static dev.quire.emulator.device.arm64.TimerRegister.CNTV_CTL_EL0;
import static dev.quire.emulator.device.arm64.TimerRegister.CNTV_CVAL_EL0;
import static dev.quire.emulator.device.arm64.TimerRegister.CNTV_TVAL_EL0;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.RecordingLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.TestTime;
import org.junit.jupiter.api.Test;

class GenericTimerTest {
  private final TestTime time = new TestTime();
  private final RecordingLine physical = new RecordingLine(time);
  private final RecordingLine virtual = new RecordingLine(time);
  private final GenericTimer timer = new GenericTimer(time, time.events(), physical, virtual);

  private long get(TimerRegister register) {
    return timer.read(register.encoding());
  }

  private void set(TimerRegister register, long value) {
    timer.write(register.encoding(), value);
  }

  @Test
  void registersAreFoundByTheirEncodings() {
    assertThat(TimerRegister.of(TimerRegister.encode(3, 3, 14, 3, 1))).isEqualTo(CNTV_CTL_EL0);
    assertThat(TimerRegister.of(TimerRegister.encode(3, 4, 14, 0, 3))).isEqualTo(CNTVOFF_EL2);
    assertThat(GenericTimer.owns(TimerRegister.encode(3, 0, 14, 1, 0))).isFalse(); // CNTKCTL_EL1
    int unknown = TimerRegister.encode(3, 3, 14, 15, 7);
    timer.write(unknown, 1);
    assertThat(timer.read(unknown)).isZero();
  }

  @Test
  void countersAreVirtualTimeAndReadOnly() {
    time.runTo(12_345);
    set(CNTPCT_EL0, 7);
    assertThat(get(CNTPCT_EL0)).isEqualTo(12_345);
    assertThat(get(CNTFRQ_EL0)).isEqualTo(1_000_000_000L);
    set(CNTVOFF_EL2, 345);
    assertThat(get(CNTVCT_EL0)).isEqualTo(12_000);
  }

  @Test
  void theLineRisesAtTheExactCompareValueAndStaysUntilRearmed() {
    set(CNTP_CVAL_EL0, 1000);
    set(CNTP_CTL_EL0, 1);
    time.runTo(999);
    assertThat(get(CNTP_CTL_EL0)).isEqualTo(1);
    time.runTo(5000);
    assertThat(physical.risings()).containsExactly(1000L);
    assertThat(get(CNTP_CTL_EL0)).isEqualTo(5);
    set(CNTP_TVAL_EL0, 500);
    assertThat(physical.level()).isFalse();
    time.runTo(9000);
    assertThat(physical.risings()).containsExactly(1000L, 5500L);
    assertThat(virtual.risings()).isEmpty();
  }

  @Test
  void theVirtualTimerIsLateByItsOffset() {
    time.runTo(300);
    set(CNTVOFF_EL2, 300);
    set(CNTV_CVAL_EL0, 1000);
    set(CNTV_CTL_EL0, 1);
    time.runTo(5000);
    assertThat(virtual.risings()).containsExactly(1300L);
    set(CNTVOFF_EL2, 4900); // the count is 100 now
    assertThat(virtual.level()).isFalse();
    time.runTo(9000);
    assertThat(virtual.risings()).containsExactly(1300L, 5900L);
  }

  @Test
  void theTimerValueIsASignedDistance() {
    time.runTo(1000);
    set(CNTV_TVAL_EL0, 0xffff_ff9cL); // -100
    assertThat(get(CNTV_CVAL_EL0)).isEqualTo(900);
    set(CNTV_CTL_EL0, 1);
    assertThat(virtual.level()).isTrue();
    time.runTo(1100);
    assertThat(get(CNTV_TVAL_EL0)).isEqualTo(0xffff_ff38L); // -200
    set(CNTV_TVAL_EL0, 0x7fff_ffffL);
    assertThat(time.events().nextDeadlineNanos()).isEqualTo(1100L + 0x7fff_ffffL);
  }

  @Test
  void imaskHoldsTheLineButNotTheStatusAndDisablingDropsBoth() {
    set(CNTV_CVAL_EL0, 10);
    set(CNTV_CTL_EL0, 3);
    assertThat(time.events().nextDeadlineNanos()).isEqualTo(EventQueue.NEVER);
    time.runTo(20);
    assertThat(virtual.risings()).isEmpty();
    assertThat(get(CNTV_CTL_EL0)).isEqualTo(7);
    set(CNTV_CTL_EL0, 1);
    assertThat(virtual.level()).isTrue();
    set(CNTV_CTL_EL0, 0);
    assertThat(virtual.level()).isFalse();
    assertThat(get(CNTV_CTL_EL0)).isZero();
  }

  @Test
  void compareValuesAreUnsignedAndTheFarthestNeverComes() {
    set(CNTV_CVAL_EL0, -1L);
    set(CNTV_CTL_EL0, 1);
    assertThat(virtual.level()).isFalse();
    assertThat(time.events().nextDeadlineNanos()).isEqualTo(EventQueue.NEVER);
    set(CNTV_CVAL_EL0, 0);
    assertThat(virtual.level()).isTrue();
  }

  @Test
  void aWaitingDeadlineSurvivesSavingAndLoading() {
    set(CNTVOFF_EL2, 17);
    set(CNTV_CVAL_EL0, 1000);
    set(CNTV_CTL_EL0, 1);
    set(CNTP_CVAL_EL0, 700);
    set(CNTP_CTL_EL0, 1);
    time.runTo(500);
    StateWriter writer = new StateWriter();
    timer.save(writer);
    TestTime later = new TestTime(500);
    RecordingLine p = new RecordingLine(later);
    RecordingLine v = new RecordingLine(later);
    GenericTimer copy = new GenericTimer(later, later.events(), p, v);
    copy.load(new StateReader(writer.toByteArray()));
    later.runTo(5000);
    assertThat(p.risings()).containsExactly(700L);
    assertThat(v.risings()).containsExactly(1017L);
  }
}
