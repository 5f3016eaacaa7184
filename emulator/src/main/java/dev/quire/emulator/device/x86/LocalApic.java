package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.WordMmioDevice;
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

  /** Integrated APIC, six LVT entries. */
  private static final int VERSION = 0x0005_0014;

  private static final int SVR_ENABLE = 0x100;
  private static final int ERROR_SEND_VECTOR = 0x20;
  private static final int ERROR_RECEIVE_VECTOR = 0x40;
  private static final int ERROR_REGISTER = 0x80;

  private final int cpu;
  private final int apicId;
  private final boolean bootProcessor;
  private final ApicBus bus;
  private final VcpuSignals signals;
  private final ExternalInterruptSource external;
  private final LapicTimer timer;
  private final LocalVectorTable lvt = new LocalVectorTable();

  private final VectorSet isr = new VectorSet();
  private final VectorSet tmr = new VectorSet();
  private final VectorSet irr = new VectorSet();
  private long apicBase;
  private int idRegister;
  private int taskPriority;
  private int logicalDestination;
  private int destinationFormat;
  private int spurious;
  private int errors;
  private int errorsSinceWrite;
  private final InterruptCommand command = new InterruptCommand();
  private boolean extIntPending;
  private final boolean[] lintLines = new boolean[2];

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
    this.apicId = cpu;
    this.bootProcessor = bootProcessor;
    this.bus = bus;
    this.signals = signals;
    this.external = external;
    timer = new LapicTimer(clock, events, () -> raise(LocalVectorTable.TIMER));
    bus.attach(this);
    apicBase = DEFAULT_BASE_GPA | BASE_ENABLE | (bootProcessor ? BASE_BSP : 0);
    idRegister = apicId << 24;
    resetRegisters();
  }

  /** INIT: everything but the ID and the base goes back to its reset value. */
  private void resetRegisters() {
    isr.clear();
    tmr.clear();
    irr.clear();
    taskPriority = 0;
    logicalDestination = 0;
    destinationFormat = -1;
    spurious = 0xff;
    errors = 0;
    errorsSinceWrite = 0;
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
    int vector = isEnabledByBase() ? irr.highest() : -1;
    return vector >= 0 && vector >>> 4 > processorPriority() >>> 4 ? vector : -1;
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
      irr.remove(vector);
      isr.add(vector);
    }
    changed();
    return vector;
  }

  /** TPR; CR8 is its bits 4..7. */
  public int taskPriority() {
    return taskPriority;
  }

  public void setTaskPriority(int value) {
    taskPriority = value & 0xff;
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

  // ---- What the bus uses --------------------------------------------------------------------

  int apicId() {
    return idRegister >>> 24;
  }

  boolean isEnabled() {
    return isEnabledByBase() && (spurious & SVR_ENABLE) != 0;
  }

  /** Flat model: any common bit. Cluster model: same cluster and a common bit; 0xff is all. */
  boolean matchesLogical(int destination) {
    int mine = logicalDestination >>> 24;
    if (destinationFormat >>> 28 == 0xf) {
      return (mine & destination) != 0;
    }
    boolean cluster = destination >>> 4 == 0xf || destination >>> 4 == mine >>> 4;
    return cluster && (mine & destination & 0xf) != 0;
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

  /** PPR: the higher of task priority and in-service class (SDM, "Processor Priority"). */
  int processorPriority() {
    int serving = isr.highest();
    int inService = serving < 0 ? 0 : serving & 0xf0;
    return (taskPriority & 0xf0) >= inService ? taskPriority : inService;
  }

  // ---- Registers ----------------------------------------------------------------------------

  @Override
  public int readWord(long offsetBytes) {
    int offset = (int) offsetBytes;
    if (offset >= 0x100 && offset < 0x280) {
      int index = offset >>> 4 & 7;
      VectorSet set = offset < 0x180 ? isr : offset < 0x200 ? tmr : irr;
      return (offset & 0xf) == 0 ? set.word(index) : reserved();
    }
    int entry = LocalVectorTable.entryAt(offset);
    if (entry >= 0) {
      return lvt.read(entry);
    }
    return switch (offset) {
      case 0x020 -> idRegister;
      case 0x030 -> VERSION;
      case 0x080 -> taskPriority;
      case 0x090 -> arbitrationPriority();
      case 0x0a0 -> processorPriority();
      case 0x0b0, 0x0c0 -> 0; // EOI is write-only; there is no remote read
      case 0x0d0 -> logicalDestination;
      case 0x0e0 -> destinationFormat;
      case 0x0f0 -> spurious;
      case 0x280 -> errors;
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
      case 0x0d0 -> logicalDestination = value & 0xff00_0000;
      case 0x0e0 -> destinationFormat = value | 0x0fff_ffff;
      case 0x0f0 -> writeSpurious(value);
      case 0x280 -> {
        errors = errorsSinceWrite;
        errorsSinceWrite = 0;
      }
      case 0x300 -> {
        command.setLow(value);
        if (command.send(bus, this) == InterruptCommand.Outcome.ILLEGAL_VECTOR) {
          logError(ERROR_SEND_VECTOR);
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
    taskPriority = at.applyAsInt(0x080) & 0xff;
    logicalDestination = at.applyAsInt(0x0d0) & 0xff00_0000;
    destinationFormat = at.applyAsInt(0x0e0) | 0x0fff_ffff;
    spurious = at.applyAsInt(0x0f0) & 0x3ff;
    errors = at.applyAsInt(0x280) & 0xff;
    command.setLow(at.applyAsInt(0x300));
    command.setHigh(at.applyAsInt(0x310));
    for (int index = 0; index < VectorSet.WORDS; index++) {
      isr.setWord(index, at.applyAsInt(0x100 + 16 * index));
      tmr.setWord(index, at.applyAsInt(0x180 + 16 * index));
      irr.setWord(index, at.applyAsInt(0x200 + 16 * index));
    }
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
    } else if (entry == LocalVectorTable.LINT0 || entry == LocalVectorTable.LINT1) {
      deliverLevelLint(entry);
    }
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
    logError(ERROR_REGISTER);
    return 0;
  }

  private int arbitrationPriority() {
    int serving = Math.max(isr.highest(), 0) & 0xf0;
    int requested = Math.max(irr.highest(), 0) & 0xf0;
    int task = taskPriority & 0xf0;
    return task >= requested && task > serving ? taskPriority : Math.max(serving, requested);
  }

  private void endOfInterrupt() {
    int vector = isr.highest();
    if (vector < 0) {
      return; // the spurious interrupt has no ISR bit, and some guests still write EOI for it
    }
    isr.remove(vector);
    if (tmr.contains(vector)) {
      bus.endOfInterrupt(vector);
      for (int pin = 0; pin < 2; pin++) {
        int entry = LocalVectorTable.LINT0 + pin;
        if (lvt.endLevel(entry, vector)) {
          deliverLevelLint(entry);
        }
      }
    }
    changed();
  }

  // ---- Accepting ----------------------------------------------------------------------------

  private boolean acceptVector(int vector, boolean levelTriggered) {
    if (!isEnabled()) {
      return false;
    }
    if (vector < 16) {
      logError(ERROR_RECEIVE_VECTOR);
      return false;
    }
    irr.add(vector);
    tmr.set(vector, levelTriggered);
    changed();
    return true;
  }

  private void logError(int error) {
    boolean fresh = (errorsSinceWrite & error) == 0;
    errorsSinceWrite |= error;
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

  void setLint(int pin, boolean asserted) {
    boolean rising = asserted && !lintLines[pin];
    if (lintLines[pin] == asserted) {
      return;
    }
    lintLines[pin] = asserted;
    int entry = LocalVectorTable.LINT0 + pin;
    if (lvt.isMasked(entry)) {
      return;
    }
    switch (lvt.deliveryMode(entry)) {
      case ApicMessage.FIXED -> {
        if (lvt.isLevel(entry)) {
          deliverLevelLint(entry);
        } else if (rising) {
          acceptVector(lvt.vector(entry), false);
        }
      }
      case ApicMessage.NMI -> {
        if (rising) {
          signals.nmi(cpu);
        }
      }
      case ApicMessage.EXTINT -> changed();
      default -> {
        // SMI is absent; INIT through a pin is not wired on a PC.
      }
    }
  }

  /** A level-triggered fixed LINT pin requests while it is asserted and not already in service. */
  private void deliverLevelLint(int entry) {
    boolean asserted = lintLines[entry - LocalVectorTable.LINT0];
    if (asserted && lvt.requestsByLevel(entry) && acceptVector(lvt.vector(entry), true)) {
      lvt.setRemoteIrr(entry);
    }
  }

  /** ExtINT bypasses priorities: by LINT0, by the pin itself when disabled, or by an IOAPIC. */
  private boolean externalPending() {
    if (extIntPending && external.isPending()) {
      return true;
    }
    boolean wired =
        !isEnabledByBase() && bootProcessor
            || !lvt.isMasked(LocalVectorTable.LINT0)
                && lvt.deliveryMode(LocalVectorTable.LINT0) == ApicMessage.EXTINT;
    return wired && lintLines[0] && external.isPending();
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
    writer.putLong(apicBase).putInt(idRegister).putInt(taskPriority);
    writer.putInt(logicalDestination).putInt(destinationFormat).putInt(spurious);
    writer.putInt(errors).putInt(errorsSinceWrite).putInt(command.low()).putInt(command.high());
    writer.putBoolean(extIntPending).putBoolean(lintLines[0]).putBoolean(lintLines[1]);
    isr.save(writer);
    tmr.save(writer);
    irr.save(writer);
    lvt.save(writer);
    timer.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("local-apic", 1);
    apicBase = reader.getLong() & (0xf_ffff_f000L | BASE_ENABLE | BASE_BSP);
    idRegister = reader.getInt() & 0xff00_0000;
    taskPriority = reader.getInt(0, 0xff, "TPR");
    logicalDestination = reader.getInt() & 0xff00_0000;
    destinationFormat = reader.getInt() | 0x0fff_ffff;
    spurious = reader.getInt(0, 0x3ff, "SVR");
    errors = reader.getInt(0, 0xff, "ESR");
    errorsSinceWrite = reader.getInt(0, 0xff, "pending errors");
    command.setLow(reader.getInt());
    command.setHigh(reader.getInt());
    extIntPending = reader.getBoolean();
    lintLines[0] = reader.getBoolean();
    lintLines[1] = reader.getBoolean();
    isr.load(reader);
    tmr.load(reader);
    irr.load(reader);
    lvt.load(reader);
    timer.load(reader);
    reader.end();
  }
}
