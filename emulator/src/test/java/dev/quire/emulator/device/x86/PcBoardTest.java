package dev.quire.emulator.device.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.device.BoardTrial;
import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.device.MachineControl;
import dev.quire.emulator.device.StateFormatException;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.TestTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class PcBoardTest {
  private static final int CPUS = 2;
  private static final int[] PORTS = {
    0x20, 0x40, 0x60, 0x70, 0x80, 0xa0, 0xe9, 0xf4, 0x3f8, 0x4d0, 0x604, 0xffff
  };

  /** A board and everything around it. */
  private static final class Rig implements VcpuSignals, MachineControl {
    final TestTime time;
    final DeviceBus bus = new DeviceBus();
    final int[] currentCpu = {0};
    final List<String> calls = new ArrayList<>();
    final PcBoard board;

    Rig(long nowNanos) {
      time = new TestTime(nowNanos);
      board =
          new PcBoard(
              new PcBoard.Config(CPUS, 64L << 20, 0, 1_700_000_000L),
              bus,
              time,
              time.events(),
              this,
              this,
              value -> call("console " + value),
              () -> currentCpu[0]);
    }

    BoardTrial trial(long seed) {
      BoardTrial trial = new BoardTrial(seed, bus, time, currentCpu, CPUS, PORTS);
      trial.betweenSteps(this::takeInterrupts);
      return trial;
    }

    private void takeInterrupts() {
      for (int cpu = 0; cpu < CPUS; cpu++) {
        int vector = board.localApic(cpu).pendingVector();
        call("cpu " + cpu + " pending " + vector);
        if (vector >= 0 && time.nowNanos() % 3 == 0) {
          call("take " + board.localApic(cpu).acknowledge());
        }
      }
    }

    private void call(String what) {
      calls.add(time.nowNanos() + " " + what);
    }

    byte[] save() {
      StateWriter writer = new StateWriter();
      board.save(writer);
      return writer.toByteArray();
    }

    @Override
    public void init(int cpu) {
      call("init " + cpu);
    }

    @Override
    public void sipi(int cpu, int vectorPage) {
      call("sipi " + cpu + " " + vectorPage);
    }

    @Override
    public void nmi(int cpu) {
      call("nmi " + cpu);
    }

    @Override
    public void interruptStateChanged(int cpu) {
      assertThat(cpu).isBetween(0, CPUS - 1);
    }

    @Override
    public void debugExit(int code) {
      call("exit " + code);
    }

    @Override
    public void marker(String line) {
      call("marker " + line);
    }

    @Override
    public void powerOff() {
      call("power off");
    }

    @Override
    public void reset() {
      call("reset");
    }
  }

  @Test
  void garbageNeitherThrowsNorHangsAndASavedBoardGoesOnExactlyLikeTheOriginal() {
    for (int seed = 0; seed < TestTime.scaled(60); seed++) {
      Rig original = new Rig(0);
      original.trial(seed).run(3000);
      original.board.com1().receive((byte) 'k');
      byte[] saved = original.save();
      Rig copy = new Rig(original.time.nowNanos());
      copy.board.load(new StateReader(saved));
      assertThat(copy.save()).as("seed %d", seed).isEqualTo(saved);
      original.calls.clear();
      BoardTrial first = original.trial(~seed);
      BoardTrial second = copy.trial(~seed);
      first.run(1500);
      second.run(1500);
      assertThat(second.transcript()).as("seed %d", seed).isEqualTo(first.transcript());
      assertThat(copy.calls).as("seed %d", seed).isEqualTo(original.calls);
    }
  }

  @Test
  void spoiledStateIsRefusedOrHarmlessButNeverBreaksTheProgram() {
    Rig original = new Rig(0);
    original.trial(99).run(3000);
    byte[] saved = original.save();
    Random random = new Random(5);
    int refused = 0;
    for (int round = 0; round < TestTime.scaled(1500); round++) {
      byte[] spoiled =
          round % 4 == 0 ? Arrays.copyOf(saved, random.nextInt(saved.length)) : saved.clone();
      for (int i = 0; i < 3 && spoiled.length > 0; i++) {
        spoiled[random.nextInt(spoiled.length)] = (byte) random.nextInt(256);
      }
      Rig rig = new Rig(original.time.nowNanos());
      try {
        rig.board.load(new StateReader(spoiled));
        rig.trial(round).run(50);
      } catch (StateFormatException expected) {
        refused++;
      }
    }
    assertThat(refused).isPositive();
  }

  @Test
  void stateOfAnotherNumberOfVcpusIsRefused() {
    StateWriter writer = new StateWriter();
    writer.begin("pc-board", 1).putInt(7).end();
    Rig rig = new Rig(0);
    assertThatThrownBy(() -> rig.board.load(new StateReader(writer.toByteArray())))
        .isInstanceOf(StateFormatException.class)
        .hasMessageContaining("number of vCPUs is 7");
  }

  /** PIT to IRQ 0 to the 8259 to LINT0, out of reset: what a guest without APIC code relies on. */
  @Test
  void theTimerInterruptReachesTheBootProcessorThroughThe8259() {
    Rig rig = new Rig(0);
    Consumer<int[]> out = pair -> rig.bus.writePort(pair[0], 1, pair[1]);
    int[][] setUp = {
      {0x20, 0x11},
      {0x21, 0x20},
      {0x21, 4},
      {0x21, 1},
      {0x21, 0xfe},
      {0x43, 0x34},
      {0x40, 100},
      {0x40, 0}
    };
    Arrays.stream(setUp).forEach(out);
    assertThat(rig.board.localApic(0).pendingVector()).isEqualTo(-1);
    rig.time.runTo(200_000);
    assertThat(rig.calls).isEmpty();
    assertThat(rig.board.localApic(0).pendingVector()).isEqualTo(0x20);
    assertThat(rig.board.localApic(1).pendingVector()).isEqualTo(-1);
  }

  @Test
  void theTimerInterruptReachesAnApicThroughIoapicPinTwo() {
    Rig rig = new Rig(1);
    rig.bus.write(0xfee000f0L, 4, 0x1ff);
    rig.bus.write(0xfec00000L, 4, 0x14);
    rig.bus.write(0xfec00010L, 4, 0x31);
    rig.bus.writePort(0x43, 1, 0x30);
    rig.bus.writePort(0x40, 1, 10);
    rig.bus.writePort(0x40, 1, 0);
    rig.time.runTo(100_001);
    assertThat(rig.board.localApic(0).pendingVector()).isEqualTo(0x31);
  }
}
