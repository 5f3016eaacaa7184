package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/**
 * LINT0 and LINT1, the pins of one local APIC: their levels, and what a change of one does by its
 * entry of the local vector table (Intel SDM volume 3, "Local Vector Table").
 */
final class LintPins {
  private static final int PINS = 2;

  /** Takes a vector; false when it cannot be accepted. */
  @FunctionalInterface
  interface VectorAcceptor {
    boolean accept(int vector, boolean levelTriggered);
  }

  private final int cpu;
  private final LocalVectorTable lvt;
  private final VcpuSignals signals;
  private final VectorAcceptor acceptor;
  private final boolean[] asserted = new boolean[PINS];

  LintPins(int cpu, LocalVectorTable lvt, VcpuSignals signals, VectorAcceptor acceptor) {
    this.cpu = cpu;
    this.lvt = lvt;
    this.signals = signals;
    this.acceptor = acceptor;
  }

  boolean isAsserted(int pin) {
    return asserted[pin];
  }

  /** Whether LINT0's entry lets 8259 interrupts through. */
  boolean isExternalInterrupt() {
    return !lvt.isMasked(LocalVectorTable.LINT0)
        && lvt.deliveryMode(LocalVectorTable.LINT0) == ApicMessage.EXTINT;
  }

  void set(int pin, boolean level) {
    if (asserted[pin] == level) {
      return;
    }
    asserted[pin] = level;
    int entry = LocalVectorTable.LINT0 + pin;
    if (lvt.isMasked(entry)) {
      return;
    }
    switch (lvt.deliveryMode(entry)) {
      case ApicMessage.FIXED -> {
        if (lvt.isLevel(entry)) {
          deliverLevel(pin);
        } else if (level) {
          acceptor.accept(lvt.vector(entry), false);
        }
      }
      case ApicMessage.NMI -> {
        if (level) {
          signals.nmi(cpu);
        }
      }
      case ApicMessage.EXTINT -> signals.interruptStateChanged(cpu);
      default -> {
        // SMI is absent; INIT through a pin is not wired on a PC.
      }
    }
  }

  /** The pins' entry of the table was written. */
  void entryWritten(int entry) {
    if (entry == LocalVectorTable.LINT0 || entry == LocalVectorTable.LINT1) {
      deliverLevel(entry - LocalVectorTable.LINT0);
    }
  }

  /** A level-triggered vector is out of service: a pin that is still asserted asks again. */
  void endOfInterrupt(int vector) {
    for (int pin = 0; pin < PINS; pin++) {
      if (lvt.endLevel(LocalVectorTable.LINT0 + pin, vector)) {
        deliverLevel(pin);
      }
    }
  }

  /** A level-triggered fixed pin requests while it is asserted and not already in service. */
  private void deliverLevel(int pin) {
    int entry = LocalVectorTable.LINT0 + pin;
    if (asserted[pin] && lvt.requestsByLevel(entry) && acceptor.accept(lvt.vector(entry), true)) {
      lvt.setRemoteIrr(entry);
    }
  }

  void save(StateWriter writer) {
    for (boolean level : asserted) {
      writer.putBoolean(level);
    }
  }

  void load(StateReader reader) {
    for (int pin = 0; pin < PINS; pin++) {
      asserted[pin] = reader.getBoolean();
    }
  }
}
