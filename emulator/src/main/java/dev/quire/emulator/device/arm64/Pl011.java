package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.ConsoleSink;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.ReceiveQueue;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.WordMmioDevice;

/**
 * An Arm PrimeCell UART, PL011 r1p0 with 16-byte FIFOs (Arm DDI 0183).
 *
 * <p>Simplified: a transmitted byte leaves at once, so the transmit FIFO is always empty and each
 * write passes the transmit trigger level; input arrives as fast as the FIFO has room; the receive
 * time-out is 32 bit times at the programmed rate of a 24 MHz UARTCLK. As on QEMU the port
 * transmits even while UARTEN is clear. CTS, DSR and DCD are asserted. No DMA.
 */
public final class Pl011 implements WordMmioDevice, DeviceState {
  public static final long BYTES = 0x1000;

  private static final long UARTCLK_HZ = 24_000_000;
  private static final int FIFO_BYTES = 16;
  private static final int[] TRIGGER_BYTES = {2, 4, 8, 12, 14, 14, 14, 14};
  private static final int[] IDS = {0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

  private static final int FR_CTS_DSR_DCD = 0x007;
  private static final int FR_RXFE = 0x010;
  private static final int FR_RXFF = 0x040;
  private static final int FR_TXFE = 0x080;
  private static final int LCR_FEN = 0x10;
  private static final int CR_LBE = 0x080;
  private static final int CR_RESET = 0x300;
  private static final int INT_RX = 0x010;
  private static final int INT_TX = 0x020;
  private static final int INT_RT = 0x040;
  private static final int INT_OE = 0x400;
  private static final int INT_ALL = 0x7ff;
  private static final int DATA_OVERRUN = 0x800;

  private final VirtualClock clock;
  private final EventQueue events;
  private final ConsoleSink sink;
  private final InterruptLine irq;
  private final EventQueue.Event timeout;
  private final ReceiveQueue received = new ReceiveQueue(FIFO_BYTES);

  private int receiveStatus;
  private int irda;
  private int integerDivisor;
  private int fractionalDivisor;
  private int lineControl;
  private int control = CR_RESET;
  private int triggerSelect = 0x12;
  private int mask;
  private int raw;
  private int dmaControl;

  public Pl011(VirtualClock clock, EventQueue events, ConsoleSink sink, InterruptLine irq) {
    this.clock = clock;
    this.events = events;
    this.sink = sink;
    this.irq = irq;
    timeout = events.create(this::receiveTimedOut);
  }

  /** Queues a byte typed at the host; it reaches the guest when the FIFO has room. */
  public void receive(byte value) {
    received.offer(value);
    pull();
    updateIrq();
  }

  @Override
  public int readWord(long offsetBytes) {
    int offset = (int) offsetBytes;
    if (offset >= 0xfe0 && offset < 0x1000) {
      return IDS[offset - 0xfe0 >>> 2];
    }
    return switch (offset) {
      case 0x00 -> readData();
      case 0x04 -> receiveStatus;
      case 0x18 -> readFlags();
      case 0x20 -> irda;
      case 0x24 -> integerDivisor;
      case 0x28 -> fractionalDivisor;
      case 0x2c -> lineControl;
      case 0x30 -> control;
      case 0x34 -> triggerSelect;
      case 0x38 -> mask;
      case 0x3c -> raw;
      case 0x40 -> raw & mask;
      case 0x48 -> dmaControl;
      default -> 0;
    };
  }

  @Override
  public void writeWord(long offsetBytes, int value) {
    switch ((int) offsetBytes) {
      case 0x00 -> transmit(value & 0xff);
      case 0x04 -> receiveStatus = 0;
      case 0x20 -> irda = value & 0xff;
      case 0x24 -> integerDivisor = value & 0xffff;
      case 0x28 -> fractionalDivisor = value & 0x3f;
      case 0x2c -> writeLineControl(value & 0xff);
      case 0x30 -> writeControl(value & 0xff87);
      case 0x34 -> triggerSelect = value & 0x3f;
      case 0x38 -> mask = value & INT_ALL;
      case 0x44 -> raw &= ~value;
      case 0x48 -> dmaControl = value & 7;
      default -> {
        // Read-only, reserved or test registers.
      }
    }
    updateIrq();
  }

  private int readFlags() {
    int flags = FR_TXFE | modemFlags();
    if (received.available() == 0) {
      flags |= FR_RXFE;
    }
    if (received.available() == received.depth()) {
      flags |= FR_RXFF;
    }
    return flags;
  }

  /** In loopback DTR, RTS, Out1 and Out2 come back as DSR, CTS, RI and DCD. */
  private int modemFlags() {
    if ((control & CR_LBE) == 0) {
      return FR_CTS_DSR_DCD;
    }
    int dsr = control >>> 10 & 1;
    int cts = control >>> 11 & 1;
    int ri = control >>> 12 & 1;
    int dcd = control >>> 13 & 1;
    return cts | dsr << 1 | dcd << 2 | ri << 8;
  }

  private int readData() {
    if (received.available() == 0) {
      return 0;
    }
    int value = received.take();
    int overrun = (raw & INT_OE) != 0 && received.available() == 0 ? DATA_OVERRUN : 0;
    if (received.available() < triggerBytes()) {
      raw &= ~INT_RX;
    }
    if (received.available() == 0) {
      raw &= ~INT_RT;
    }
    pull();
    restartTimeout();
    updateIrq();
    return value | overrun;
  }

  private void transmit(int value) {
    raw |= INT_TX;
    if ((control & CR_LBE) == 0) {
      sink.write((byte) value);
      return;
    }
    if (received.arrive(value)) {
      arrived();
    } else {
      raw |= INT_OE;
      receiveStatus |= 8;
    }
  }

  private void writeLineControl(int value) {
    if (((lineControl ^ value) & LCR_FEN) != 0) {
      received.reset((value & LCR_FEN) != 0 ? FIFO_BYTES : 1);
      raw &= ~(INT_RX | INT_RT);
    }
    lineControl = value;
    pull();
    restartTimeout();
  }

  private void writeControl(int value) {
    int before = modemFlags();
    control = value;
    int changed = before ^ modemFlags();
    // Raw interrupt bits 0..3 are RI, CTS, DCD, DSR.
    raw |= (changed >>> 8 & 1) | (changed & 1) << 1 | (changed & 4) | (changed & 2) << 2;
    pull();
  }

  /** Takes what the wire has, unless the port listens to itself. */
  private void pull() {
    if ((control & CR_LBE) == 0 && received.refill() > 0) {
      arrived();
    }
  }

  private void arrived() {
    if (received.available() >= triggerBytes()) {
      raw |= INT_RX;
    }
    restartTimeout();
  }

  private int triggerBytes() {
    return received.depth() == 1 ? 1 : TRIGGER_BYTES[triggerSelect >>> 3 & 7];
  }

  private void restartTimeout() {
    boolean waiting = received.depth() > 1 && received.available() > 0;
    events.reschedule(timeout, waiting ? clock.nowNanos() + 32 * bitNanos() : EventQueue.NEVER);
  }

  private long bitNanos() {
    long divisor64 = Math.max(64L, integerDivisor * 64L + fractionalDivisor);
    return 16 * divisor64 * 1_000_000_000L / (64 * UARTCLK_HZ);
  }

  private void receiveTimedOut() {
    raw |= INT_RT;
    updateIrq();
  }

  private void updateIrq() {
    irq.set((raw & mask) != 0);
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("pl011", 1);
    writer.putInt(receiveStatus).putInt(irda).putInt(integerDivisor).putInt(fractionalDivisor);
    writer.putInt(lineControl).putInt(control).putInt(triggerSelect).putInt(mask).putInt(raw);
    writer.putInt(dmaControl).putLong(timeout.atNanos());
    received.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("pl011", 1);
    receiveStatus = reader.getInt(0, 0xf, "RSR");
    irda = reader.getInt(0, 0xff, "ILPR");
    integerDivisor = reader.getInt(0, 0xffff, "IBRD");
    fractionalDivisor = reader.getInt(0, 0x3f, "FBRD");
    lineControl = reader.getInt(0, 0xff, "LCR_H");
    control = reader.getInt(0, 0xffff, "CR");
    triggerSelect = reader.getInt(0, 0x3f, "IFLS");
    mask = reader.getInt(0, INT_ALL, "IMSC");
    raw = reader.getInt(0, INT_ALL, "RIS");
    dmaControl = reader.getInt(0, 7, "DMACR");
    long timeoutAtNanos = reader.getLong(0, EventQueue.NEVER, "receive time-out");
    received.load(reader);
    reader.end();
    events.reschedule(timeout, timeoutAtNanos);
  }
}
