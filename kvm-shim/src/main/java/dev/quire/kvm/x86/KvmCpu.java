package dev.quire.kvm.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86Engine;
import dev.quire.emulator.vcpu.AccessShape;
import dev.quire.emulator.vcpu.GuestCpu;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.EventKind;
import dev.quire.emulator.vcpu.x86.X86Cpu;
import dev.quire.emulator.vcpu.x86.X86EventDelivery;
import dev.quire.emulator.vcpu.x86.X86Flags;
import dev.quire.emulator.vcpu.x86.X86Vector;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.x86.PageFaultCode;

/**
 * The fault path of a vCPU of KVM: events come from what the client queued and, with an in-kernel
 * APIC, from it; a delivery that the host cannot let finish goes back into the queue (Linux v6.18
 * arch/x86/kvm/x86.c, kvm_check_and_inject_events). VM thread only.
 */
final class KvmCpu implements GuestCpu {
  private static final int NMI_VECTOR = 2;

  private final X86Cpu cpu;
  private final X86Engine engine;
  private final X86Core core;
  private final X86EventDelivery delivery;
  private final X86VcpuState state;
  private final VcpuEvents events;
  private final RunExit exits;
  private final GuestStops stops;
  private final VcpuInterrupts interrupts;
  private final X86Statistics statistics;
  private PortStrings strings;
  private boolean finishesOnly;
  private boolean windowAsked;

  /** The instruction whose device access was met last. */
  private long accessRip;

  private boolean accessRepeats;

  KvmCpu(
      X86Cpu cpu,
      X86Engine engine,
      X86EventDelivery delivery,
      X86VcpuState state,
      VcpuInterrupts interrupts,
      RunExit exits,
      GuestStops stops,
      X86Statistics statistics) {
    this.cpu = cpu;
    this.engine = engine;
    this.core = engine.core();
    this.delivery = delivery;
    this.state = state;
    this.events = state.events();
    this.interrupts = interrupts;
    this.exits = exits;
    this.stops = stops;
    this.statistics = statistics;
  }

  /** Names who performs INS and OUTS. */
  void attach(PortStrings performer) {
    strings = performer;
  }

  /** INIT: nothing that KVM was performing goes on. */
  void init() {
    strings.abandon();
  }

  /** Has the run end as soon as the instruction under way is done; nothing new begins. */
  void finishOnly(boolean only) {
    finishesOnly = only;
  }

  /** Whether the client wants to know when it can inject an interrupt. */
  void askWindow(boolean asked) {
    windowAsked = asked;
  }

  /** The core's blocking of NMIs follows what the client has set. */
  void begin() {
    stops.begin();
    cpu.setNmiBlocked(events.nmiMasked);
  }

  @Override
  public VcpuExit beforeRun() {
    VcpuExit unfinished = strings.resume();
    if (unfinished != null) {
      return unfinished;
    }
    if (finishesOnly) {
      return VcpuExit.SLICE_END;
    }
    interrupts.leaveGuest();
    if (reports()) {
      return VcpuExit.CLIENT;
    }
    events.nmiMasked = cpu.isNmiBlocked();
    VcpuExit blocked = injectQueued();
    if (blocked == null) {
      blocked = injectNmi();
    }
    if (blocked == null) {
      blocked = injectInterrupt();
    }
    if (blocked != null) {
      return blocked;
    }
    if (opensWindow()) {
      return VcpuExit.CLIENT;
    }
    engine.setInterruptPending(
        windowAsked && acceptsFromClient() || hasExternal() || interrupts.pendingVector() >= 0);
    interrupts.enterGuest();
    return stops.beforeRun();
  }

  /** What the instruction behind has done that user space is to know. */
  private boolean reports() {
    if (state.taskPriorityReports().take(exits.run())) {
      return true;
    }
    int vector = interrupts.takeEnded();
    if (vector >= 0) {
      exits.run().exitIoapicEoi(vector);
    }
    return vector >= 0;
  }

  /** KVM_EXIT_IRQ_WINDOW_OPEN, if the client waits for it and could inject now. */
  boolean opensWindow() {
    boolean opens = windowAsked && isReadyForInterrupt();
    if (opens) {
      exits.run().setExitReason(KvmRun.EXIT_IRQ_WINDOW_OPEN);
    }
    return opens;
  }

  /** kvm_cpu_has_extint, with a split irqchip. */
  private boolean hasExternal() {
    return events.externalVector >= 0 && interrupts.acceptsExternal();
  }

  /** kvm_cpu_accept_dm_intr: whether there is room for an interrupt of user space's PIC. */
  private boolean acceptsFromClient() {
    return !events.interruptInjected && events.externalVector < 0 && interrupts.acceptsExternal();
  }

  /** What was queued or begun before: an exception, else an NMI, else an interrupt. */
  private VcpuExit injectQueued() {
    if (events.tripleFault) {
      events.tripleFault = false;
      return new VcpuExit.Shutdown("the client asked for a triple fault");
    }
    if (events.hasException()) {
      events.exceptionPending = false;
      events.exceptionInjected = false;
      return deliver(EventKind.EXCEPTION, events.exceptionVector);
    }
    if (events.nmiInjected) {
      events.nmiInjected = false;
      cpu.setNmiBlocked(true);
      return deliver(EventKind.NMI, NMI_VECTOR);
    }
    if (events.interruptInjected) {
      events.interruptInjected = false;
      return deliver(EventKind.EXTERNAL_INTERRUPT, events.interruptVector);
    }
    return null;
  }

  private VcpuExit injectNmi() {
    if (events.nmisPending == 0 || cpu.isNmiBlocked() || core.interruptShadow()) {
      return null;
    }
    events.nmisPending--;
    cpu.setNmiBlocked(true);
    events.nmiMasked = true;
    return deliver(EventKind.NMI, NMI_VECTOR);
  }

  private VcpuExit injectInterrupt() {
    if (hasExternal() && interruptsAllowed()) {
      int vector = events.externalVector;
      events.externalVector = -1;
      return deliver(EventKind.EXTERNAL_INTERRUPT, vector);
    }
    if (interrupts.pendingVector() < 0 || !interruptsAllowed()) {
      return null;
    }
    events.interruptVector = interrupts.acknowledge();
    events.interruptSoft = false;
    return deliver(EventKind.EXTERNAL_INTERRUPT, events.interruptVector);
  }

  private VcpuExit deliver(EventKind kind, int vector) {
    statistics.injected(kind);
    boolean isException = kind == EventKind.EXCEPTION;
    VcpuExit blocked =
        delivery.deliver(
            new X86EventDelivery.Event(
                kind,
                vector,
                isException && events.exceptionHasErrorCode,
                isException ? events.exceptionErrorCode : 0,
                core.cr2(),
                0));
    return requeue(blocked);
  }

  /** Puts an event whose delivery is not over back into the queue, as begun. */
  private VcpuExit requeue(VcpuExit blocked) {
    X86EventDelivery.Event event = blocked == null ? null : delivery.takeUndelivered();
    if (event == null) {
      return blocked;
    }
    switch (event.kind()) {
      case NMI -> events.nmiInjected = true;
      case EXTERNAL_INTERRUPT -> {
        events.interruptInjected = true;
        events.interruptVector = event.vector();
      }
      case EXCEPTION -> {
        events.queueException(event.vector(), event.hasErrorCode(), event.errorCode());
        events.exceptionPending = false;
        events.exceptionInjected = true;
        if (event.vector() == X86Vector.PAGE_FAULT) {
          core.setCr2(event.cr2());
        }
      }
      case SOFTWARE_INTERRUPT, INT3, INTO, INT1 -> {
        // The program counter is at the instruction still: it is executed again.
      }
    }
    return blocked;
  }

  /** RFLAGS.IF, and no shadow of STI or MOV SS. */
  boolean interruptsAllowed() {
    return (core.controlFlags() & X86Flags.RFLAGS_IF) != 0 && !core.interruptShadow();
  }

  /** kvm_vcpu_ready_for_interrupt_injection, without an in-kernel PIC. */
  boolean isReadyForInterrupt() {
    return interruptsAllowed()
        && acceptsFromClient()
        && !events.hasException()
        && !events.nmiInjected;
  }

  @Override
  public VcpuExit deliver(FaultRecord fault) {
    return requeue(cpu.deliver(fault));
  }

  @Override
  public VcpuExit trap(int number) {
    VcpuExit stop = stops.trap(number);
    return stop != null ? stop : requeue(cpu.trap(number));
  }

  @Override
  public VcpuExit intercept() {
    return requeue(cpu.intercept());
  }

  @Override
  public VcpuExit halted() {
    return VcpuExit.HLT;
  }

  @Override
  public void completeIo(long data) {
    throw new IllegalStateException("port accesses are completed by PortIo");
  }

  /**
   * A table outside memory is none: a not-present page fault, as KVM's own walk finds (Linux v6.18
   * arch/x86/kvm/mmu/paging_tmpl.h, walk_addr_generic). Code outside memory cannot be emulated.
   */
  @Override
  public VcpuExit outsideMemory(FaultRecord fault) {
    int initiator = fault.initiator();
    if (!Access.isTableWalk(fault.access())) {
      return cannotEmulate();
    }
    int code =
        (Access.isWrite(initiator) ? PageFaultCode.WRITE : 0)
            | (Access.isUser(initiator) ? PageFaultCode.USER : 0)
            | (Access.isFetch(initiator) ? PageFaultCode.FETCH : 0);
    return requeue(delivery.exception(X86Vector.PAGE_FAULT, code, fault.va()));
  }

  /** handle_emulation_failure: user code gets #UD. */
  VcpuExit cannotEmulate() {
    statistics.emulationFailed();
    if (core.cpl() != 0 && !state.vm().exitsOnEmulationFailure()) {
      return requeue(delivery.exception(X86Vector.INVALID_OPCODE, 0, 0));
    }
    return exits.emulationFailure(engine);
  }

  @Override
  public VcpuExit unclaimed(FaultRecord fault) {
    throw new IllegalStateException("every address that is not memory is a device's: " + fault);
  }

  @Override
  public long shapeOf(FaultRecord fault) {
    X86Instruction instruction = engine.code().current();
    if (instruction == null || !EmulatedInstructions.knows(instruction)) {
      return AccessShape.UNKNOWN;
    }
    accessRip = core.rip();
    accessRepeats = instruction.isString() && instruction.isRepeated();
    return cpu.shapeOf(fault);
  }

  @Override
  public long otherShapeOf(FaultRecord fault) {
    return cpu.otherShapeOf(fault);
  }

  /** Where the instruction is whose device access was met last. */
  long accessRip() {
    return accessRip;
  }

  /** Whether it is a string instruction with a repeat prefix. */
  boolean accessRepeats() {
    return accessRepeats;
  }

  @Override
  public boolean isBetweenInstructions() {
    return cpu.isBetweenInstructions() && !strings.isUnderWay();
  }

  @Override
  public long pc() {
    return cpu.pc();
  }

  @Override
  public boolean hasWork() {
    boolean enabled = (core.controlFlags() & X86Flags.RFLAGS_IF) != 0;
    return events.hasException()
        || events.nmiInjected
        || events.interruptInjected
        || events.nmisPending > 0 && !cpu.isNmiBlocked()
        || enabled && (interrupts.pendingVector() >= 0 || hasExternal());
  }
}
