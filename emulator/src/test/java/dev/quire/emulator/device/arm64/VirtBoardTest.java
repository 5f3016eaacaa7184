package dev.quire.emulator.device.arm64;

import static org.assertj.core.api.Assertions.assertThat;

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
import org.junit.jupiter.api.Test;

class VirtBoardTest {
  private static final int CPUS = 3;

  private static final class Rig implements MachineControl {
    final TestTime time;
    final DeviceBus bus = new DeviceBus();
    final int[] currentCpu = {0};
    final List<String> calls = new ArrayList<>();
    final VirtBoard board;

    Rig(long nowNanos) {
      time = new TestTime(nowNanos);
      board =
          new VirtBoard(
              CPUS,
              1_700_000_000L,
              bus,
              time,
              time.events(),
              (cpu, irq, fiq) -> call("wires %d %b %b".formatted(cpu, irq, fiq)),
              this,
              value -> call("console " + value),
              () -> currentCpu[0]);
    }

    private void call(String what) {
      calls.add(time.nowNanos() + " " + what);
    }

    BoardTrial use(long seed, int steps) {
      BoardTrial trial = new BoardTrial(seed, bus, time, currentCpu, CPUS);
      Random random = new Random(seed);
      TimerRegister[] registers = TimerRegister.values();
      for (int round = 0; round < steps / 20; round++) {
        trial.run(20);
        TimerRegister register = registers[random.nextInt(registers.length)];
        GenericTimer timer = board.timer(random.nextInt(CPUS));
        trial.note(register + " = " + timer.read(register.encoding()));
        long near = time.nowNanos() + random.nextInt(30_000) - 10_000;
        timer.write(register.encoding(), random.nextInt(3) == 0 ? random.nextLong() : near);
        enableEverything(random);
      }
      return trial;
    }

    /** Garbage rarely enables an interrupt: help it, so that the wires move. */
    private void enableEverything(Random random) {
      if (random.nextInt(4) == 0) {
        bus.write(VirtBoard.DISTRIBUTOR_GPA, 4, 3);
        bus.write(VirtBoard.DISTRIBUTOR_GPA + 0x100, 4, 0xffff_0000L);
        bus.write(VirtBoard.CPU_INTERFACE_GPA, 4, 7);
        bus.write(VirtBoard.CPU_INTERFACE_GPA + 4, 4, 0xff);
      }
    }

    byte[] save() {
      StateWriter writer = new StateWriter();
      board.save(writer);
      return writer.toByteArray();
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
    int wires = 0;
    for (int seed = 0; seed < TestTime.scaled(60); seed++) {
      Rig original = new Rig(0);
      original.use(seed, 2000);
      original.board.uart().receive((byte) 'k');
      byte[] saved = original.save();
      Rig copy = new Rig(original.time.nowNanos());
      copy.board.load(new StateReader(saved));
      assertThat(copy.save()).as("seed %d", seed).isEqualTo(saved);
      original.calls.clear();
      copy.calls.clear();
      BoardTrial first = original.use(~seed, 1500);
      BoardTrial second = copy.use(~seed, 1500);
      assertThat(second.transcript()).as("seed %d", seed).isEqualTo(first.transcript());
      assertThat(copy.calls).as("seed %d", seed).isEqualTo(original.calls);
      wires += (int) copy.calls.stream().filter(call -> call.contains("wires")).count();
    }
    assertThat(wires).isGreaterThan(100);
  }

  @Test
  void spoiledStateIsRefusedOrHarmlessButNeverBreaksTheProgram() {
    Rig original = new Rig(0);
    original.use(99, 2000);
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
        rig.use(round, 40);
      } catch (StateFormatException expected) {
        refused++;
      }
    }
    assertThat(refused).isPositive();
  }

  @Test
  void theVirtualTimerReachesItsCpuAsPpi27() {
    Rig rig = new Rig(0);
    rig.bus.write(VirtBoard.DISTRIBUTOR_GPA, 4, 1);
    rig.currentCpu[0] = 2;
    rig.bus.write(VirtBoard.DISTRIBUTOR_GPA + 0x100, 4, 1L << 27);
    rig.bus.write(VirtBoard.CPU_INTERFACE_GPA, 4, 1);
    rig.bus.write(VirtBoard.CPU_INTERFACE_GPA + 4, 4, 0xf0);
    GenericTimer timer = rig.board.timer(2);
    timer.write(TimerRegister.CNTV_TVAL_EL0.encoding(), 1000);
    timer.write(TimerRegister.CNTV_CTL_EL0.encoding(), 1);
    rig.time.runTo(5000);
    assertThat(rig.calls).containsExactly("1000 wires 2 true false");
    assertThat(rig.bus.read(VirtBoard.CPU_INTERFACE_GPA + 0xc, 4)).isEqualTo(27);
    timer.write(TimerRegister.CNTV_CTL_EL0.encoding(), 0);
    rig.bus.write(VirtBoard.CPU_INTERFACE_GPA + 0x10, 4, 27);
    assertThat(rig.board.gic().irqAsserted(2)).isFalse();
  }
}
