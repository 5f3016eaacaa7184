package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.util.function.IntConsumer;

/**
 * One 8259A interrupt controller (Intel 8259A data sheet 231468), in 8086 mode.
 *
 * <p>As on the PC the trigger mode comes per pin from an edge/level register, not from ICW1. As in
 * QEMU and KVM, a request latched by an edge stays when the line falls before it is acknowledged.
 */
final class Pic8259 {
  /** The master's input that the slave drives. */
  static final int CASCADE_PIN = 2;

  private int elcrMask;

  private IntConsumer ended = pin -> {};
  private int lines;
  private int irr;

  /** All masked until initialized: there is no firmware whose timer tick a guest must expect. */
  private int imr = 0xff;

  private int isr;
  private int elcr;
  private int vectorBase;
  private int lowestPriority = 7;

  /** Which ICW the data port expects next: 2, 3, 4, or 0 when operating. */
  private int nextIcw;

  private boolean icw4Follows;
  private boolean single;
  private boolean autoEoi;
  private boolean rotateOnAutoEoi;
  private boolean specialMask;
  private boolean fullyNested;
  private boolean readIsr;
  private boolean poll;

  Pic8259(boolean master) {
    elcrMask = master ? 0xf8 : 0xde;
  }

  /** Has {@code listener} told of the pin whose interrupt was ended. */
  void onEndOfInterrupt(IntConsumer listener) {
    ended = listener;
  }

  void setLine(int pin, boolean asserted) {
    int bit = 1 << pin;
    if ((elcr & bit) != 0) {
      irr = asserted ? irr | bit : irr & ~bit;
    } else if (asserted && (lines & bit) == 0) {
      irr |= bit;
    }
    lines = asserted ? lines | bit : lines & ~bit;
  }

  /**
   * The slave's INT output on the cascade pin. It is followed as a level: a slave that still
   * requests after an acknowledge must not wait for an edge.
   */
  void setCascade(boolean asserted) {
    irr = asserted ? irr | 1 << CASCADE_PIN : irr & ~(1 << CASCADE_PIN);
  }

  boolean requests() {
    return pendingPin() >= 0;
  }

  /** The pin that would be acknowledged now, or -1. */
  int pendingPin() {
    int candidates = irr & ~imr;
    if (candidates == 0) {
      return -1;
    }
    int best = highest(candidates);
    int serving = highestInService();
    if (serving < 0 || rank(best) < rank(serving)) {
      return best;
    }
    // Special fully nested mode: a slave in service may interrupt itself.
    return fullyNested && best == CASCADE_PIN && serving == CASCADE_PIN ? best : -1;
  }

  /** Acknowledges a pin as the second INTA pulse does. */
  void acknowledge(int pin) {
    int bit = 1 << pin;
    if (autoEoi) {
      if (rotateOnAutoEoi) {
        lowestPriority = pin;
      }
    } else {
      isr |= bit;
    }
    if ((elcr & bit) == 0) {
      irr &= ~bit;
    }
  }

  int vector(int pin) {
    return vectorBase + pin & 0xff;
  }

  /** Even port: ICW1, OCW2 and OCW3. */
  void writeCommand(int value) {
    if ((value & 0x10) != 0) {
      initialize(value);
    } else if ((value & 0x08) != 0) {
      operationWord3(value);
    } else {
      operationWord2(value);
    }
  }

  /** Odd port: the rest of the initialization, then OCW1 (the mask). */
  void writeData(int value) {
    switch (nextIcw) {
      case 2 -> {
        vectorBase = value & 0xf8;
        nextIcw = single ? icw4Follows ? 4 : 0 : 3;
      }
      case 3 -> nextIcw = icw4Follows ? 4 : 0;
      case 4 -> {
        autoEoi = (value & 0x02) != 0;
        fullyNested = (value & 0x10) != 0;
        nextIcw = 0;
      }
      default -> imr = value;
    }
  }

  int readData() {
    return imr;
  }

  int readRegister() {
    return readIsr ? isr : irr;
  }

  /** True once after an OCW3 poll command: the next read is the poll word. */
  boolean takePoll() {
    boolean asked = poll;
    poll = false;
    return asked;
  }

  int elcr() {
    return elcr;
  }

  void setElcr(int value) {
    elcr = value & elcrMask;
    irr = irr & ~elcr | lines & elcr;
  }

  private void initialize(int icw1) {
    icw4Follows = (icw1 & 0x01) != 0;
    single = (icw1 & 0x02) != 0;
    nextIcw = 2;
    irr = lines & elcr; // the edge sense circuit is reset: a line must fall and rise again
    isr = 0;
    imr = 0;
    lowestPriority = 7;
    autoEoi = false;
    rotateOnAutoEoi = false;
    specialMask = false;
    fullyNested = false;
    readIsr = false;
    poll = false;
  }

  private void operationWord3(int value) {
    if ((value & 0x40) != 0) {
      specialMask = (value & 0x20) != 0;
    }
    if ((value & 0x02) != 0) {
      readIsr = (value & 0x01) != 0;
    }
    poll = (value & 0x04) != 0;
  }

  private void operationWord2(int value) {
    int level = value & 7;
    switch (value >>> 5) {
      case 0 -> rotateOnAutoEoi = false;
      case 4 -> rotateOnAutoEoi = true;
      case 1 -> endOfInterrupt(highestInService(), false);
      case 5 -> endOfInterrupt(highestInService(), true);
      case 3 -> endOfInterrupt(level, false);
      case 7 -> endOfInterrupt(level, true);
      case 6 -> lowestPriority = level;
      default -> {
        // 2 is "no operation".
      }
    }
  }

  private int highestInService() {
    int inService = specialMask ? isr & ~imr : isr;
    return inService == 0 ? -1 : highest(inService);
  }

  private void endOfInterrupt(int pin, boolean rotate) {
    if (pin < 0) {
      return;
    }
    isr &= ~(1 << pin);
    if (rotate) {
      lowestPriority = pin;
    }
    ended.accept(pin);
  }

  /** The set pin that comes first after the one of lowest priority, going round. */
  private int highest(int pins) {
    int pin = lowestPriority + 1 & 7;
    while ((pins >>> pin & 1) == 0) {
      pin = pin + 1 & 7;
    }
    return pin;
  }

  private int rank(int pin) {
    return pin - lowestPriority - 1 & 7;
  }

  PicRegisters registers() {
    return new PicRegisters(
        lines,
        irr,
        imr,
        isr,
        lowestPriority,
        vectorBase,
        readIsr,
        poll,
        specialMask,
        nextIcw,
        autoEoi,
        rotateOnAutoEoi,
        fullyNested,
        icw4Follows,
        elcr,
        elcrMask);
  }

  void setRegisters(PicRegisters from) {
    lines = from.lines() & 0xff;
    irr = from.irr() & 0xff;
    imr = from.imr() & 0xff;
    isr = from.isr() & 0xff;
    lowestPriority = from.lowestPriority() & 7;
    vectorBase = from.vectorBase() & 0xff;
    readIsr = from.readIsr();
    poll = from.poll();
    specialMask = from.specialMask();
    nextIcw = from.nextIcw() >= 2 && from.nextIcw() <= 4 ? from.nextIcw() : 0;
    autoEoi = from.autoEoi();
    rotateOnAutoEoi = from.rotateOnAutoEoi();
    fullyNested = from.fullyNested();
    icw4Follows = from.icw4Follows();
    elcr = from.elcr() & 0xff;
    elcrMask = from.elcrMask() & 0xff;
    single = false;
  }

  void save(StateWriter writer) {
    writer.begin("pic8259", 1);
    writer.putByte(lines).putByte(irr).putByte(imr).putByte(isr).putByte(elcr);
    writer.putByte(vectorBase).putByte(lowestPriority).putByte(nextIcw);
    writer.putBoolean(icw4Follows).putBoolean(single).putBoolean(autoEoi);
    writer.putBoolean(rotateOnAutoEoi).putBoolean(specialMask).putBoolean(fullyNested);
    writer.putBoolean(readIsr).putBoolean(poll).end();
  }

  void load(StateReader reader) {
    reader.begin("pic8259", 1);
    lines = reader.getByte();
    irr = reader.getByte();
    imr = reader.getByte();
    isr = reader.getByte();
    elcr = reader.getByte() & elcrMask;
    vectorBase = reader.getByte() & 0xf8;
    lowestPriority = reader.getInt8(0, 7, "lowest priority");
    nextIcw = reader.getInt8(0, 4, "next ICW");
    icw4Follows = reader.getBoolean();
    single = reader.getBoolean();
    autoEoi = reader.getBoolean();
    rotateOnAutoEoi = reader.getBoolean();
    specialMask = reader.getBoolean();
    fullyNested = reader.getBoolean();
    readIsr = reader.getBoolean();
    poll = reader.getBoolean();
    reader.end();
  }
}
