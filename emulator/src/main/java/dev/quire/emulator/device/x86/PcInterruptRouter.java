package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.InterruptLine;

/**
 * The PC's interrupt wiring: an ISA interrupt reaches the 8259 pair and the IOAPIC at the same pin,
 * but the timer (ISA 0) reaches IOAPIC pin 2, since the 8259 pair's own output takes pin 0. GSIs 16
 * to 23 exist at the IOAPIC only.
 */
public final class PcInterruptRouter {
  private final PicPair pic;
  private final IoApic ioApic;

  public PcInterruptRouter(PicPair pic, IoApic ioApic) {
    this.pic = pic;
    this.ioApic = ioApic;
  }

  /** The wire of ISA interrupt 0..15. */
  public InterruptLine isa(int irq) {
    if (irq < 0 || irq > 15) {
      throw new IllegalArgumentException("ISA interrupt " + irq);
    }
    return both(pic.line(irq), irq == 2 ? InterruptLine.none() : ioApic.line(irq == 0 ? 2 : irq));
  }

  /** A global system interrupt 0..23 in the machine's default routing. */
  public InterruptLine gsi(int gsi) {
    if (gsi < 0 || gsi >= IoApic.PINS) {
      throw new IllegalArgumentException("GSI " + gsi);
    }
    return gsi < 16 ? both(pic.line(gsi), ioApic.line(gsi)) : ioApic.line(gsi);
  }

  private static InterruptLine both(InterruptLine first, InterruptLine second) {
    return asserted -> {
      first.set(asserted);
      second.set(asserted);
    };
  }
}
