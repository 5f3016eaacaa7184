package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.WordMmioDevice;
import java.util.function.IntConsumer;
import java.util.function.IntUnaryOperator;

/**
 * The local APIC of one vCPU in xAPIC mode (Intel SDM volume 3, chapter "Advanced Programmable
 * Interrupt Controller"). Registers are words at multiples of 16 in a page; the offsets below are
 * the SDM's.
 *
 * <p>The vCPU asks {@link #pendingVector} whether anything is to be delivered and, when it does
 * deliver, {@link #acknowledge}. x2APIC mode, SMI and CMCI are absent. The boot processor comes out
 * of reset with LINT0 in ExtINT mode, as firmware (and KVM) leave it, so 8259 interrupts work
 * before the APIC is touched.
 */
public final class LocalApic implements WordMmioDevice, DeviceState {
  /** IA32_APIC_BASE bits. */
  public static final long BASE_BSP = 1L << 8;

  public static final long BASE_ENABLE = 1L << 11;

  /** Where the register page lies after reset. */
  public static final long DEFAULT_BASE_GPA = 0xfee0_0000L;

  private static final int BROADCAST = 0xff;

  /** Integrated APIC, six LVT entries. */
  private static final int VERSION = 0x0005_0014;

  private static final int SVR_ENABLE = 0x100;

  private final int cpu;
  private final boolean bootProcessor;
  private final ApicBus bus;
  private final VcpuSignals signals;
  private final ExternalInterruptSource external;
  private final LapicTimer timer;
  private final LocalVectorTable lvt = new LocalVectorTable();
  private final LintPins lint;
  private final ApicVectors vectors = new ApicVectors();
  private final LogicalDestination logical = new LogicalDestination();
  private final ApicErrorStatus errors = new ApicErrorStatus();
  private final InterruptCommand command = new InterruptCommand();
  private long apicBase;
  private int idRegister;
  private int spurious;
  private boolean extIntPending;
  private IntConsumer endListener = vector -> {};

  /** {@code cpu} is the vCPU's index and its initial APIC id; index 0 is the boot processor. */
  public LocalApic(
      int cpu,
      ApicBus bus,
      VcpuSignals signals,
      ExternalInterruptSource external,
      VirtualClock clock,
      EventQueue events) {
    this(cpu, cpu == 0, bus, signals, external, clock, events);
  }

  /** Of a vCPU whose number does not say whether it is the boot processor. */
  public LocalApic(
      int cpu,
      boolean bootProcessor,
      ApicBus bus,
      VcpuSignals signals,
      ExternalInterruptSource external,
      VirtualClock clock,
      EventQueue events) {
    this.cpu = cpu;
    this.bootProcessor = bootProcessor;
    this.bus = bus;
    this.signals = signals;
    this.external = external;
    timer = new LapicTimer(clock, events, () -> raise(LocalVectorTable.TIMER));
    lint = new LintPins(cpu, lvt, signals, this::acceptVector);
    bus.attach(this);
    apicBase = DEFAULT_BASE_GPA | BASE_ENABLE | (bootProcessor ? BASE_BSP : 0);
    idRegister = cpu << 24;
    resetRegisters();
  }

  /** INIT: everything but the ID and the base goes back to its reset value. */
  private void resetRegisters() {
    vectors.reset();
    logical.reset();
    spurious = 0xff;
    errors.reset();
    command.reset();
    extIntPending = false;
    lvt.reset(bootProcessor);
    timer.reset();
  }

  // ---- What the vCPU uses -------------------------------------------------------------------

  /** The vector to deliver now, or -1. Does not look at RFLAGS.IF. */
  public int pendingVector() {
    if (externalPending()) {
      return external.peekVector();
    }
    return isEnabledByBase() ? vectors.deliverable() : -1;
  }

  /** Takes the interrupt: the INTA cycle. Gives the spurious vector when nothing is pending. */
  public int acknowledge() {
    int vector = pendingVector();
    if (externalPending()) {
      extIntPending = false;
      vector = external.acknowledge();
    } else if (vector < 0) {
      return spurious & 0xff;
    } else {
      vectors.beginService(vector);
    }
    changed();
    return vector;
  }

  /** TPR; CR8 is its bits 4..7. */
  public int taskPriority() {
    return vectors.taskPriority();
  }

  public void setTaskPriority(int value) {
    vectors.setTaskPriority(value);
    changed();
  }

  /** IA32_APIC_BASE. */
  public long apicBase() {
    return apicBase;
  }

  /**
   * Writes IA32_APIC_BASE; false (#GP) for reserved bits or x2APIC. Disabling resets the APIC. The
   * register page does not move with the address, as KVM's does not.
   */
  public boolean setApicBase(long value) {
    long writable = 0xf_ffff_f000L | BASE_ENABLE | BASE_BSP;
    if ((value & ~writable) != 0) {
      return false;
    }
    boolean disables = isEnabledByBase() && (value & BASE_ENABLE) == 0;
    apicBase = value;
    if (disables) {
      resetRegisters();
    }
    changed();
    return true;
  }

  /** IA32_TSC_DEADLINE. */
  public long tscDeadline() {
    return timer.tscDeadline();
  }

  public void setTscDeadline(long tsc) {
    timer.setTscDeadline(tsc);
  }

  /** TSC minus virtual time, after the guest wrote IA32_TSC or IA32_TSC_ADJUST. */
  public void setTscOffset(long offset) {
    timer.setTscOffset(offset);
  }

  /** Wire into LINT0 (the 8259's INT) or LINT1. */
  public InterruptLine lint(int pin) {
    return asserted -> setLint(pin, asserted);
  }

  void setLint(int pin, boolean asserted) {
    lint.set(pin, asserted);
  }

  /** Registers who wants to know of the end of any interrupt; gets the vector. */
  public void onEnd(IntConsumer listener) {
    endListener = listener;
  }

  /** Whether a vector is requested or in service. */
  public boolean isPending(int vector) {
    return vectors.isPending(vector);
  }

  /** The highest vector in service, or -1. */
  public int highestInService() {
    return vectors.highestInService();
  }

  /** The highest vector requested, whatever the priorities say, or -1. */
  public int highestRequested() {
    return vectors.highestRequested();
  }

  /** Whether external interrupts pass: LINT0 in ExtINT mode, or the APIC disabled. */
  public boolean acceptsExternal() {
    return !isEnabledByBase() || lint.isExternalInterrupt();
  }

  /** Whether a message's destination is, or is among others, this APIC. */
  public boolean isAddressedBy(ApicMessage message) {
    return message.logical()
        ? logical.matches(message.destination())
        : message.destination() == BROADCAST || message.destination() == apicId();
  }

  // ---- What the bus uses --------------------------------------------------------------------

  int apicId() {
    return idRegister >>> 24;
  }

  public boolean isEnabled() {
    return isEnabledByBase() && (spurious & SVR_ENABLE) != 0;
  }

  /** Takes a message that addresses this APIC; false when it cannot be accepted. */
  boolean accept(ApicMessage message) {
    if (!isEnabledByBase()) {
      return false;
    }
    switch (message.deliveryMode()) {
      case ApicMessage.FIXED, ApicMessage.LOWEST_PRIORITY -> {
        return acceptVector(message.vector(), message.levelTriggered());
      }
      case ApicMessage.NMI -> signals.nmi(cpu);
      case ApicMessage.INIT -> {
        resetRegisters();
        signals.init(cpu);
        changed();
      }
      case ApicMessage.STARTUP -> signals.sipi(cpu, message.vector());
      case ApicMessage.EXTINT -> {
        extIntPending = true;
        changed();
      }
      default -> {
        return false; // SMI: there is no SMM here; 3 is reserved.
      }
    }
    return true;
  }

  int processorPriority() {
    return vectors.processorPriority();
  }

  // ---- Registers ----------------------------------------------------------------------------

  @Override
  public int readWord(long offsetBytes) {
    int offset = (int) offsetBytes;
    if (ApicVectors.covers(offset)) {
      return vectors.read(offset);
    }
    int entry = LocalVectorTable.entryAt(offset);
    if (entry >= 0) {
      return lvt.read(entry);
    }
    return switch (offset) {
      case 0x020 -> idRegister;
      case 0x030 -> VERSION;
      case 0x080 -> vectors.taskPriority();
      case 0x090 -> vectors.arbitrationPriority();
      case 0x0a0 -> vectors.processorPriority();
      case 0x0b0, 0x0c0 -> 0; // EOI is write-only; there is no remote read
      case 0x0d0 -> logical.destination();
      case 0x0e0 -> logical.format();
      case 0x0f0 -> spurious;
      case 0x280 -> errors.shown();
      case 0x300 -> command.low();
      case 0x310 -> command.high();
      case 0x380 -> timer.initialCount();
      case 0x390 -> timer.currentCount();
      case 0x3e0 -> timer.divideRegister();
      default -> reserved();
    };
  }

  @Override
  public void writeWord(long offsetBytes, int value) {
    int offset = (int) offsetBytes;
    int entry = LocalVectorTable.entryAt(offset);
    if (entry >= 0) {
      writeLvt(entry, value);
      return;
    }
    switch (offset) {
      case 0x020 -> idRegister = value & 0xff00_0000;
      case 0x080 -> setTaskPriority(value);
      case 0x0b0 -> endOfInterrupt();
      case 0x0d0 -> logical.setDestination(value);
      case 0x0e0 -> logical.setFormat(value);
      case 0x0f0 -> writeSpurious(value);
      case 0x280 -> errors.show();
      case 0x300 -> {
        command.setLow(value);
        if (command.send(bus, this) == InterruptCommand.Outcome.ILLEGAL_VECTOR) {
          logError(ApicErrorStatus.SEND_ILLEGAL_VECTOR);
        }
      }
      case 0x310 -> command.setHigh(value);
      case 0x380 -> timer.setInitialCount(value);
      case 0x3e0 -> timer.setDivide(value);
      default -> reserved();
    }
  }

  /**
   * Puts back registers that {@link #readWord} gave, by their offsets; the timer goes on from its
   * current count. The base and the pins stay.
   */
  public void setRegisters(IntUnaryOperator at) {
    idRegister = at.applyAsInt(0x020) & 0xff00_0000;
    vectors.setTaskPriority(at.applyAsInt(0x080));
    logical.setDestination(at.applyAsInt(0x0d0));
    logical.setFormat(at.applyAsInt(0x0e0));
    spurious = at.applyAsInt(0x0f0) & 0x3ff;
    errors.restoreShown(at.applyAsInt(0x280));
    command.setLow(at.applyAsInt(0x300));
    command.setHigh(at.applyAsInt(0x310));
    vectors.restore(at);
    lvt.restore(at);
    timer.restore(
        lvt.timerMode(),
        lvt.isMasked(LocalVectorTable.TIMER),
        at.applyAsInt(0x380),
        at.applyAsInt(0x390),
        at.applyAsInt(0x3e0));
    changed();
  }

  private void writeLvt(int entry, int value) {
    lvt.write(entry, value, (spurious & SVR_ENABLE) != 0);
    if (entry == LocalVectorTable.TIMER) {
      applyTimerEntry();
    }
    lint.entryWritten(entry);
    changed();
  }

  private void applyTimerEntry() {
    timer.setMode(lvt.timerMode(), lvt.isMasked(LocalVectorTable.TIMER));
  }

  private void writeSpurious(int value) {
    spurious = value & 0x3ff;
    if ((spurious & SVR_ENABLE) == 0) {
      lvt.maskAll();
      applyTimerEntry();
    }
    changed();
  }

  private int reserved() {
    logError(ApicErrorStatus.ILLEGAL_REGISTER);
    return 0;
  }

  private void endOfInterrupt() {
    int vector = vectors.endService();
    if (vector < 0) {
      return; // the spurious interrupt has no ISR bit, and some guests still write EOI for it
    }
    endListener.accept(vector);
    if (vectors.isLevelTriggered(vector)) {
      bus.endOfInterrupt(vector);
      lint.endOfInterrupt(vector);
    }
    changed();
  }

  // ---- Accepting ----------------------------------------------------------------------------

  private boolean acceptVector(int vector, boolean levelTriggered) {
    if (!isEnabled()) {
      return false;
    }
    if (vector < 16) {
      logError(ApicErrorStatus.RECEIVE_ILLEGAL_VECTOR);
      return false;
    }
    vectors.request(vector, levelTriggered);
    changed();
    return true;
  }

  private void logError(int error) {
    boolean fresh = errors.gather(error);
    // An error entry with an illegal vector must not report itself for ever.
    if (fresh && lvt.vector(LocalVectorTable.ERROR) >= 16) {
      raise(LocalVectorTable.ERROR);
    }
  }

  private void raise(int entry) {
    if (!lvt.isMasked(entry)) {
      acceptVector(lvt.vector(entry), false);
    }
  }

  /** ExtINT bypasses priorities: by LINT0, by the pin itself when disabled, or by an IOAPIC. */
  private boolean externalPending() {
    if (extIntPending && external.isPending()) {
      return true;
    }
    boolean wired = !isEnabledByBase() && bootProcessor || lint.isExternalInterrupt();
    return wired && lint.isAsserted(0) && external.isPending();
  }

  private boolean isEnabledByBase() {
    return (apicBase & BASE_ENABLE) != 0;
  }

  private void changed() {
    signals.interruptStateChanged(cpu);
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("local-apic", 1);
    writer.putLong(apicBase).putInt(idRegister).putInt(vectors.taskPriority());
    logical.save(writer);
    writer.putInt(spurious);
    errors.save(writer);
    writer.putInt(command.low()).putInt(command.high()).putBoolean(extIntPending);
    lint.save(writer);
    vectors.save(writer);
    lvt.save(writer);
    timer.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("local-apic", 1);
    apicBase = reader.getLong() & (0xf_ffff_f000L | BASE_ENABLE | BASE_BSP);
    idRegister = reader.getInt() & 0xff00_0000;
    vectors.setTaskPriority(reader.getInt(0, 0xff, "TPR"));
    logical.load(reader);
    spurious = reader.getInt(0, 0x3ff, "SVR");
    errors.load(reader);
    command.setLow(reader.getInt());
    command.setHigh(reader.getInt());
    extIntPending = reader.getBoolean();
    lint.load(reader);
    vectors.load(reader);
    lvt.load(reader);
    timer.load(reader);
    reader.end();
  }
}
