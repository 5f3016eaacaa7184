package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.BytePortDevice;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.TickRate;
import dev.quire.emulator.device.VirtualClock;

/**
 * The PC's 8254 at ports 0x40..0x43 and system control port B (0x61).
 *
 * <p>Its input clock is 1193182 Hz of virtual time, exactly ({@link TickRate}); tick 0 is the
 * machine's start. OUT of counter 0 drives the timer interrupt at its true level, both edges.
 * Counter 2's GATE and OUT, and the refresh bit that toggles with counter 1 (every 15.085 us on a
 * PC, fixed here), stand in port 0x61; there is no speaker.
 */
public final class Pit8254 implements DeviceState {
  /** Input clock: the PC's 14.31818 MHz crystal through 12. */
  public static final TickRate CLOCK = new TickRate(1_193_182);

  private static final int REFRESH_TICKS = 18;

  private final VirtualClock clock;
  private final EventQueue events;
  private final InterruptLine irq0;
  private final EventQueue.Event transition;
  private final PitCounter[] counters = {new PitCounter(), new PitCounter(), new PitCounter()};
  private int portB;

  public Pit8254(VirtualClock clock, EventQueue events, InterruptLine irq0) {
    this.clock = clock;
    this.events = events;
    this.irq0 = irq0;
    transition = events.create(this::outputMayChange);
    counters[2].setGate(false, 0);
    irq0.set(counters[0].out(0));
  }

  /** Ports 0x40..0x43. */
  public BytePortDevice counterPorts() {
    return new BytePortDevice() {
      @Override
      public int readByte(int port) {
        int index = port & 3;
        return index == 3 ? 0xff : counters[index].readByte(nowTick());
      }

      @Override
      public void writeByte(int port, int value) {
        int index = port & 3;
        if (index == 3) {
          writeControl(value);
        } else {
          counters[index].writeByte(value, nowTick());
        }
        outputMayChange();
      }
    };
  }

  /** Port 0x61: bit 0 GATE 2, bit 1 speaker data, bit 4 refresh, bit 5 OUT 2. */
  public BytePortDevice controlPortB() {
    return new BytePortDevice() {
      @Override
      public int readByte(int port) {
        long tick = nowTick();
        int refresh = (int) (tick / REFRESH_TICKS & 1) << 4;
        return portB | refresh | (counters[2].out(tick) ? 0x20 : 0);
      }

      @Override
      public void writeByte(int port, int value) {
        portB = value & 0x03;
        counters[2].setGate((value & 1) != 0, nowTick());
      }
    };
  }

  /** The level of OUT of a counter now. */
  public boolean output(int counter) {
    return counters[counter].out(nowTick());
  }

  private void writeControl(int word) {
    long tick = nowTick();
    int select = word >>> 6;
    if (select == 3) {
      readBack(word, tick);
    } else if ((word >>> 4 & 3) == 0) {
      counters[select].latchCount(tick);
    } else {
      counters[select].program(word);
    }
  }

  /** Bit 5 low latches the counts, bit 4 low the status, of the counters in bits 1..3. */
  private void readBack(int word, long tick) {
    for (int i = 0; i < counters.length; i++) {
      if ((word >>> (i + 1) & 1) == 0) {
        continue;
      }
      if ((word & 0x20) == 0) {
        counters[i].latchCount(tick);
      }
      if ((word & 0x10) == 0) {
        counters[i].latchStatus(tick);
      }
    }
  }

  private void outputMayChange() {
    long tick = nowTick();
    irq0.set(counters[0].out(tick));
    armTransition(tick);
  }

  private void armTransition(long tick) {
    long next = counters[0].nextTransition(tick);
    events.reschedule(transition, next == EventQueue.NEVER ? next : CLOCK.nanosAt(next));
  }

  private long nowTick() {
    return CLOCK.ticksAt(clock.nowNanos());
  }

  /** What a counter holds. */
  public PitCounterState counter(int index) {
    return counters[index].state(nowTick());
  }

  /** Loads a counter. */
  public void setCounter(int index, PitCounterState state) {
    counters[index].setState(state, nowTick());
    outputMayChange();
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("pit8254", 1).putByte(portB);
    for (PitCounter counter : counters) {
      counter.save(writer);
    }
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("pit8254", 1);
    portB = reader.getInt8(0, 3, "port B");
    for (PitCounter counter : counters) {
      counter.load(reader);
    }
    reader.end();
    armTransition(nowTick());
  }
}
