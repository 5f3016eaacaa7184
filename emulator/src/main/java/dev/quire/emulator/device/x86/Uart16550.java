package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.BytePortDevice;
import dev.quire.emulator.device.ConsoleSink;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.ReceiveQueue;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.VirtualClock;

/**
 * A 16550A UART (National Semiconductor PC16550D data sheet; register numbers below are its own).
 *
 * <p>Simplified: a transmitted byte leaves at once, so the transmitter is always empty and THRE is
 * raised again by the very write that fills it; input arrives as fast as the FIFO has room. The
 * receive time-out does take four character times at the programmed divisor. As on QEMU's PC the
 * interrupt output is not gated by OUT2. The modem inputs CTS, DSR and DCD are asserted.
 */
public final class Uart16550 implements BytePortDevice, DeviceState {
  /** Input clock of the baud generator in hertz; the divisor counts sixteenths of a bit. */
  private static final long CLOCK_HZ = 1_843_200;

  private static final int FIFO_BYTES = 16;
  private static final int[] TRIGGER_BYTES = {1, 4, 8, 14};

  private static final int IER_RECEIVED = 1;
  private static final int IER_THRE = 2;
  private static final int IER_LINE_STATUS = 4;
  private static final int IER_MODEM = 8;

  private static final int IIR_NONE = 0x01;
  private static final int IIR_LINE_STATUS = 0x06;
  private static final int IIR_RECEIVED = 0x04;
  private static final int IIR_TIMEOUT = 0x0c;
  private static final int IIR_THRE = 0x02;
  private static final int IIR_MODEM = 0x00;

  private static final int LCR_DLAB = 0x80;
  private static final int MCR_LOOP = 0x10;
  private static final int LSR_DATA_READY = 0x01;
  private static final int LSR_OVERRUN = 0x02;
  private static final int LSR_THRE_TEMT = 0x60;
  private static final int MSR_CTS_DSR_DCD = 0xb0;

  private final int basePort;
  private final VirtualClock clock;
  private final EventQueue events;
  private final ConsoleSink sink;
  private final InterruptLine irq;
  private final EventQueue.Event timeout;
  private final ReceiveQueue received = new ReceiveQueue(FIFO_BYTES);

  private int ier;
  private int fcr;
  private int lcr;
  private int mcr;
  private int scratch;
  private int divisor = 12; // 9600 baud, what firmware leaves behind
  private boolean overrun;
  private boolean threPending;
  private boolean timeoutPending;
  private int modemInputs = MSR_CTS_DSR_DCD;
  private int modemDeltas;

  public Uart16550(
      int basePort, VirtualClock clock, EventQueue events, ConsoleSink sink, InterruptLine irq) {
    this.basePort = basePort;
    this.clock = clock;
    this.events = events;
    this.sink = sink;
    this.irq = irq;
    timeout = events.create(this::receiveTimedOut);
  }

  /** Queues a byte typed at the host; it reaches the guest when the FIFO has room. */
  public void receive(byte value) {
    received.offer(value);
    if ((mcr & MCR_LOOP) == 0 && received.refill() > 0) {
      restartTimeout();
      updateIrq();
    }
  }

  @Override
  public int readByte(int port) {
    return switch ((port - basePort) & 7) {
      case 0 -> dlab() ? divisor & 0xff : readReceiver();
      case 1 -> dlab() ? divisor >>> 8 : ier;
      case 2 -> readIdentification();
      case 3 -> lcr;
      case 4 -> mcr;
      case 5 -> readLineStatus();
      case 6 -> readModemStatus();
      default -> scratch;
    };
  }

  @Override
  public void writeByte(int port, int value) {
    switch ((port - basePort) & 7) {
      case 0 -> {
        if (dlab()) {
          divisor = divisor & 0xff00 | value;
        } else {
          transmit(value);
        }
      }
      case 1 -> {
        if (dlab()) {
          divisor = divisor & 0x00ff | value << 8;
        } else {
          writeInterruptEnable(value);
        }
      }
      case 2 -> writeFifoControl(value);
      case 3 -> lcr = value;
      case 4 -> writeModemControl(value);
      case 7 -> scratch = value;
      default -> {
        // Line and modem status are read-only outside the factory test.
      }
    }
  }

  private boolean dlab() {
    return (lcr & LCR_DLAB) != 0;
  }

  private boolean fifoEnabled() {
    return (fcr & 1) != 0;
  }

  private int triggerBytes() {
    return fifoEnabled() ? TRIGGER_BYTES[fcr >>> 6] : 1;
  }

  private int readReceiver() {
    if (received.available() == 0) {
      return 0;
    }
    int value = received.take();
    timeoutPending = false;
    if ((mcr & MCR_LOOP) == 0) {
      received.refill();
    }
    restartTimeout();
    updateIrq();
    return value;
  }

  private void transmit(int value) {
    // THR is full for no time at all: the request drops with the write and comes back.
    threPending = false;
    updateIrq();
    if ((mcr & MCR_LOOP) == 0) {
      sink.write((byte) value);
    } else {
      if (!received.arrive(value & characterMask())) {
        overrun = true;
      }
      restartTimeout();
    }
    threPending = true;
    updateIrq();
  }

  private int characterMask() {
    return (1 << 5 + (lcr & 3)) - 1;
  }

  private void writeInterruptEnable(int value) {
    boolean threEnabled = (ier & IER_THRE) == 0 && (value & IER_THRE) != 0;
    ier = value & 0x0f;
    if (threEnabled) {
      threPending = true;
    }
    updateIrq();
  }

  private void writeFifoControl(int value) {
    boolean toggled = ((fcr ^ value) & 1) != 0;
    // Bit 0 must be 1 when the other bits are written, or they are not programmed.
    fcr = (value & 1) == 0 ? 0 : value & 0xc9;
    if (toggled || (value & 3) == 3) {
      received.reset(fifoEnabled() ? FIFO_BYTES : 1);
      timeoutPending = false;
      if ((mcr & MCR_LOOP) == 0) {
        received.refill();
      }
    }
    if (toggled || (value & 5) == 5) {
      threPending = true;
    }
    restartTimeout();
    updateIrq();
  }

  private void writeModemControl(int value) {
    mcr = value & 0x1f;
    int inputs = MSR_CTS_DSR_DCD;
    if ((mcr & MCR_LOOP) != 0) {
      // DTR -> DSR, RTS -> CTS, OUT1 -> RI, OUT2 -> DCD.
      inputs = (mcr & 1) << 5 | (mcr & 2) << 3 | (mcr & 4) << 4 | (mcr & 8) << 4;
    }
    int changed = modemInputs ^ inputs;
    // CTS, DSR and DCD report any change, RI only its trailing edge.
    modemDeltas |= (changed & 0xb0 | changed & modemInputs & 0x40) >>> 4;
    modemInputs = inputs;
    if ((mcr & MCR_LOOP) == 0 && received.refill() > 0) {
      restartTimeout();
    }
    updateIrq();
  }

  private int readIdentification() {
    int id = highestInterrupt();
    if (id == IIR_THRE) {
      threPending = false;
      updateIrq();
    }
    return id | (fifoEnabled() ? 0xc0 : 0);
  }

  private int readLineStatus() {
    int status = LSR_THRE_TEMT;
    if (received.available() > 0) {
      status |= LSR_DATA_READY;
    }
    if (overrun) {
      status |= LSR_OVERRUN;
      overrun = false;
      updateIrq();
    }
    return status;
  }

  private int readModemStatus() {
    int status = modemInputs | modemDeltas;
    modemDeltas = 0;
    updateIrq();
    return status;
  }

  private int highestInterrupt() {
    if (overrun && (ier & IER_LINE_STATUS) != 0) {
      return IIR_LINE_STATUS;
    }
    if ((ier & IER_RECEIVED) != 0) {
      if (received.available() >= triggerBytes()) {
        return IIR_RECEIVED;
      }
      if (timeoutPending) {
        return IIR_TIMEOUT;
      }
    }
    if (threPending && (ier & IER_THRE) != 0) {
      return IIR_THRE;
    }
    return modemDeltas != 0 && (ier & IER_MODEM) != 0 ? IIR_MODEM : IIR_NONE;
  }

  private void updateIrq() {
    irq.set(highestInterrupt() != IIR_NONE);
  }

  private void restartTimeout() {
    boolean waiting = fifoEnabled() && received.available() > 0 && !timeoutPending;
    events.reschedule(
        timeout, waiting ? clock.nowNanos() + 4 * characterNanos() : EventQueue.NEVER);
  }

  private long characterNanos() {
    int bits = 1 + 5 + (lcr & 3) + (lcr >>> 3 & 1) + 1 + (lcr >>> 2 & 1);
    return bits * 16L * Math.max(divisor, 1) * 1_000_000_000L / CLOCK_HZ;
  }

  private void receiveTimedOut() {
    timeoutPending = true;
    updateIrq();
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("uart16550", 1);
    writer.putByte(ier).putByte(fcr).putByte(lcr).putByte(mcr).putByte(scratch).putInt(divisor);
    writer.putBoolean(overrun).putBoolean(threPending).putBoolean(timeoutPending);
    writer.putByte(modemInputs).putByte(modemDeltas).putLong(timeout.atNanos());
    received.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("uart16550", 1);
    ier = reader.getInt8(0, 0x0f, "IER");
    fcr = reader.getByte() & 0xc9;
    lcr = reader.getByte();
    mcr = reader.getInt8(0, 0x1f, "MCR");
    scratch = reader.getByte();
    divisor = reader.getInt(0, 0xffff, "divisor");
    overrun = reader.getBoolean();
    threPending = reader.getBoolean();
    timeoutPending = reader.getBoolean();
    modemInputs = reader.getByte() & 0xf0;
    modemDeltas = reader.getInt8(0, 0x0f, "MSR deltas");
    long timeoutAtNanos = reader.getLong(0, EventQueue.NEVER, "receive time-out");
    received.load(reader);
    reader.end();
    events.reschedule(timeout, timeoutAtNanos);
  }
}
