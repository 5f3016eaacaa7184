package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.BytePortDevice;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.util.function.IntConsumer;

/**
 * The PC's two cascaded 8259As: master at 0x20/0x21, slave at 0xa0/0xa1 on the master's pin 2, edge
 * and level registers at 0x4d0/0x4d1. The master's INT output goes to {@code output}; whoever takes
 * the interrupt calls {@link #acknowledge}.
 */
public final class PicPair implements BytePortDevice, ExternalInterruptSource, DeviceState {
  private static final int SPURIOUS_PIN = 7;
  private static final int SLAVE_FIRST = 8;

  private final Pic8259 master = new Pic8259(true);
  private final Pic8259 slave = new Pic8259(false);
  private final InterruptLine output;

  public PicPair(InterruptLine output) {
    this.output = output;
  }

  /** Has {@code listener} told of the input, 0 to 15, whose interrupt was ended. */
  public void onEndOfInterrupt(IntConsumer listener) {
    master.onEndOfInterrupt(listener);
    slave.onEndOfInterrupt(pin -> listener.accept(SLAVE_FIRST + pin));
  }

  /** Input 0..15; 2 is the cascade and leads nowhere. */
  public InterruptLine line(int irq) {
    if (irq == Pic8259.CASCADE_PIN) {
      return InterruptLine.none();
    }
    Pic8259 chip = irq < 8 ? master : slave;
    return asserted -> {
      chip.setLine(irq & 7, asserted);
      update();
    };
  }

  @Override
  public boolean isPending() {
    return master.requests();
  }

  @Override
  public int peekVector() {
    int pin = master.pendingPin();
    if (pin == Pic8259.CASCADE_PIN) {
      int slavePin = slave.pendingPin();
      return slave.vector(slavePin < 0 ? SPURIOUS_PIN : slavePin);
    }
    return master.vector(pin < 0 ? SPURIOUS_PIN : pin);
  }

  @Override
  public int acknowledge() {
    int vector = peekVector();
    int pin = master.pendingPin();
    if (pin == Pic8259.CASCADE_PIN) {
      int slavePin = slave.pendingPin();
      if (slavePin >= 0) {
        slave.acknowledge(slavePin);
      }
    }
    if (pin >= 0) {
      master.acknowledge(pin);
    }
    update();
    return vector;
  }

  @Override
  public int readByte(int port) {
    return switch (port) {
      case 0x20, 0x21 -> readChip(master, port);
      case 0xa0, 0xa1 -> readChip(slave, port);
      case 0x4d0 -> master.elcr();
      case 0x4d1 -> slave.elcr();
      default -> 0xff;
    };
  }

  @Override
  public void writeByte(int port, int value) {
    switch (port) {
      case 0x20 -> master.writeCommand(value);
      case 0x21 -> master.writeData(value);
      case 0xa0 -> slave.writeCommand(value);
      case 0xa1 -> slave.writeData(value);
      case 0x4d0 -> master.setElcr(value);
      case 0x4d1 -> slave.setElcr(value);
      default -> {
        return;
      }
    }
    update();
  }

  private int readChip(Pic8259 chip, int port) {
    if (chip.takePoll()) {
      int pin = chip.pendingPin();
      if (pin < 0) {
        return 0;
      }
      chip.acknowledge(pin);
      update();
      return 0x80 | pin;
    }
    return (port & 1) == 0 ? chip.readRegister() : chip.readData();
  }

  private void update() {
    master.setCascade(slave.requests());
    output.set(master.requests());
  }

  /** What a chip holds: the master, or the slave. */
  public PicRegisters registers(boolean ofSlave) {
    return (ofSlave ? slave : master).registers();
  }

  /** Loads a chip; values it cannot hold are cut to what it can. */
  public void setRegisters(boolean ofSlave, PicRegisters registers) {
    (ofSlave ? slave : master).setRegisters(registers);
    update();
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("pic-pair", 1);
    master.save(writer);
    slave.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("pic-pair", 1);
    master.load(reader);
    slave.load(reader);
    reader.end();
  }
}
