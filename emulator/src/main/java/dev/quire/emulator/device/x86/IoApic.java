package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.WordMmioDevice;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * An I/O APIC with 24 pins (Intel 82093AA data sheet 290566). Redirection entry:
 *
 * <pre>
 *  63       56 55      17 16 15 14 13 12 11 10   8 7        0
 * |destination| reserved |M |T |R |P |S |L |  DM  |  vector  |
 * </pre>
 *
 * M: masked. T: level-triggered. R: remote IRR, set from delivery to EOI of a level interrupt. P:
 * polarity, stored only: a line here is "asserted", whatever its voltage. S: delivery status,
 * always idle. L: logical destination. An edge on a masked pin is lost, as the data sheet says.
 */
public final class IoApic implements WordMmioDevice, DeviceState {
  public static final long DEFAULT_BASE_GPA = 0xfec0_0000L;
  public static final long BYTES = 0x1000;
  public static final int PINS = 24;

  private static final int VERSION = (PINS - 1) << 16 | 0x11;
  private static final long MASKED = 1L << 16;
  private static final long LEVEL = 1L << 15;
  private static final long REMOTE_IRR = 1L << 14;
  private static final long LOGICAL = 1L << 11;
  private static final long WRITABLE = 0xff00_0000_0001_afffL;

  private final ApicBus bus;
  private final long[] entries = new long[PINS];
  private IntConsumer ended = pin -> {};
  private int lines;
  private int select;
  private int id;

  public IoApic(ApicBus bus) {
    this.bus = bus;
    Arrays.fill(entries, MASKED);
    bus.onEndOfInterrupt(this::endOfInterrupt);
  }

  /** Input pin 0..23. */
  public InterruptLine line(int pin) {
    if (pin < 0 || pin >= PINS) {
      throw new IllegalArgumentException("IOAPIC pin " + pin);
    }
    return asserted -> setLine(pin, asserted);
  }

  private void setLine(int pin, boolean asserted) {
    int bit = 1 << pin;
    boolean rising = asserted && (lines & bit) == 0;
    lines = asserted ? lines | bit : lines & ~bit;
    if ((entries[pin] & LEVEL) != 0) {
      serviceLevel(pin);
    } else if (rising && (entries[pin] & MASKED) == 0) {
      send(pin);
    }
  }

  private void serviceLevel(int pin) {
    boolean asserted = (lines >>> pin & 1) != 0;
    boolean ready = (entries[pin] & (MASKED | LEVEL | REMOTE_IRR)) == LEVEL;
    if (asserted && ready && send(pin)) {
      entries[pin] |= REMOTE_IRR;
    }
  }

  private boolean send(int pin) {
    long entry = entries[pin];
    int deliveryMode = (int) (entry >>> 8) & 7;
    boolean level = (entry & LEVEL) != 0;
    return bus.deliver(
        new ApicMessage(
            (int) entry & 0xff, deliveryMode, (entry & LOGICAL) != 0, level, (int) (entry >>> 56)));
  }

  /** Has {@code listener} told of the pin whose level-triggered interrupt was ended. */
  public void onEndOfInterrupt(IntConsumer listener) {
    ended = listener;
  }

  private void endOfInterrupt(int vector) {
    for (int pin = 0; pin < PINS; pin++) {
      if ((entries[pin] & (LEVEL | REMOTE_IRR)) == (LEVEL | REMOTE_IRR)
          && (entries[pin] & 0xff) == vector) {
        entries[pin] &= ~REMOTE_IRR;
        ended.accept(pin);
        serviceLevel(pin);
      }
    }
  }

  @Override
  public int readWord(long offsetBytes) {
    return switch ((int) offsetBytes) {
      case 0x00 -> select;
      case 0x10 -> readRegister();
      default -> 0;
    };
  }

  @Override
  public void writeWord(long offsetBytes, int value) {
    if (offsetBytes == 0x00) {
      select = value & 0xff;
    } else if (offsetBytes == 0x10) {
      writeRegister(value);
    }
  }

  private int readRegister() {
    int entry = select - 0x10;
    if (entry >= 0 && entry < 2 * PINS) {
      return (int) (entries[entry >>> 1] >>> (32 * (entry & 1)));
    }
    return switch (select) {
      case 0x00, 0x02 -> id; // the arbitration id follows the id
      case 0x01 -> VERSION;
      default -> 0;
    };
  }

  private void writeRegister(int value) {
    int entry = select - 0x10;
    if (select == 0x00) {
      id = value & 0x0f00_0000;
    } else if (entry >= 0 && entry < 2 * PINS) {
      writeEntry(entry >>> 1, (entry & 1) != 0, value);
    }
  }

  private void writeEntry(int pin, boolean high, int value) {
    long old = entries[pin];
    long bits = value & 0xffff_ffffL;
    long written = high ? old & 0xffff_ffffL | bits << 32 : old & ~0xffff_ffffL | bits;
    written = written & WRITABLE | old & REMOTE_IRR;
    if ((written & LEVEL) == 0) {
      written &= ~REMOTE_IRR;
    }
    entries[pin] = written;
    serviceLevel(pin);
  }

  /** Levels of the pins, pin n at bit n. */
  public int lines() {
    return lines;
  }

  /** The register selected for the next access. */
  public int select() {
    return select;
  }

  /** The APIC id, 0 to 15. */
  public int id() {
    return id >>> 24;
  }

  /** The redirection entry of a pin. */
  public long entry(int pin) {
    return entries[pin];
  }

  /** Loads all registers and, as inputs that rise now, the pins of {@code asserted}. */
  public void setRegisters(int newSelect, int newId, long[] newEntries, int asserted) {
    select = newSelect & 0xff;
    id = (newId & 0xf) << 24;
    for (int pin = 0; pin < PINS; pin++) {
      entries[pin] = newEntries[pin] & (WRITABLE | REMOTE_IRR);
    }
    lines = 0;
    for (int pin = 0; pin < PINS; pin++) {
      if ((asserted >>> pin & 1) != 0) {
        setLine(pin, true);
      }
    }
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("ioapic", 1);
    writer.putLongs(entries).putInt(lines).putByte(select).putInt(id).end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("ioapic", 1);
    reader.getLongs(entries);
    for (int pin = 0; pin < PINS; pin++) {
      entries[pin] &= WRITABLE | REMOTE_IRR;
    }
    lines = reader.getInt(0, (1 << PINS) - 1, "pin levels");
    select = reader.getByte();
    id = reader.getInt() & 0x0f00_0000;
    reader.end();
  }
}
