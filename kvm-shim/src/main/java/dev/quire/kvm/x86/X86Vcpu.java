package dev.quire.kvm.x86;

import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86Engine;
import dev.quire.emulator.measure.HostAccesses;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.emulator.vcpu.x86.CoreCpuid;
import dev.quire.emulator.vcpu.x86.InterruptController;
import dev.quire.emulator.vcpu.x86.X86Cpu;
import dev.quire.emulator.vcpu.x86.X86Processor;
import dev.quire.emulator.vcpu.x86.X86ResetState;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.KvmBus;
import dev.quire.kvm.vm.KvmFaults;
import dev.quire.kvm.vm.RunCall;
import dev.quire.kvm.vm.VmContext;
import dev.quire.mmu.MmuEvent;

/**
 * The x86 side of a vCPU: the emulator's core on the VM's second stage, with KVM's state calls and
 * KVM_RUN around it. VM thread only.
 */
public final class X86Vcpu implements ArchVcpu {
  /** Room for translated code: a client's guests are small and many. */
  private static final int TRANSLATION_BYTES = 4 << 20;

  /** RDX after INIT: family 6. */
  private static final int INIT_SIGNATURE = 0x600;

  private final X86Vm vm;
  private final int id;
  private final SharedPages pages;
  private final X86VcpuState state;
  private final RunExit exits;
  private final GuestStops stops;
  private final KvmFaults faults;
  private final X86Statistics statistics;
  private final VcpuInterrupts interrupts;
  private final X86ResetState reset;
  private final KvmCpu cpu;
  private final Vcpu vcpu;

  X86Vcpu(X86Vm vm, int id, SharedPages pages) {
    this.vm = vm;
    this.id = id;
    this.pages = pages;
    VmContext context = vm.context();
    GuestCpuid cpuid = new GuestCpuid();
    CoreCpuid[] answers = new CoreCpuid[1];
    X86Processor processor =
        X86Processor.open(
            context.host().memory(),
            context.host().engineMemory(),
            context.stage2(),
            X86Architecture.EPT,
            TRANSLATION_BYTES,
            core -> answers[0] = new CoreCpuid(core, cpuid));
    X86Engine engine = processor.engine();
    X86Core core = engine.core();
    interrupts = vm.interruptsOf(id);
    core.attach(interrupts);
    state = new X86VcpuState(vm.state(), id, cpuid, core, processor.mmu(), interrupts.apic());
    answers[0].attach(state.msrs()::tsc);
    interrupts.attach(state.msrs()::tsc, state.taskPriorityReports());
    reset = new X86ResetState(core, processor.mmu(), INIT_SIGNATURE);
    faults = new KvmFaults(context);
    statistics = new X86Statistics(faults);
    X86Processor.Units units =
        processor.units(faults, state.msrs(), state.msrs().engine(), HostAccesses.IGNORED);
    exits = new RunExit(new KvmRun(pages.segment()));
    stops = new GuestStops(engine, units.instructions(), state.debug(), exits);
    X86Cpu x86 =
        new X86Cpu(
            engine,
            units.events(),
            units.instructions(),
            InterruptController.NONE,
            units.counters());
    cpu = new KvmCpu(x86, engine, units.events(), state, interrupts, exits, stops, statistics);
    units.instructions().attach(instructions(units, context.bus()));
    vcpu = new Vcpu(id, engine, cpu, processor.mmu(), faults, units.counters());
  }

  private KvmInstructions instructions(X86Processor.Units units, KvmBus bus) {
    PortStrings strings = portStrings(units, bus);
    cpu.attach(strings);
    return new KvmInstructions(
        state,
        units.instructions(),
        new PortIo(
            units.linear(), units.instructions(), bus, exits, state, stops, statistics, strings),
        new MsrAccesses(state, units.instructions(), units.events(), exits, stops),
        new Hypercalls(state, units.linear(), units.instructions(), units.events(), exits, stops),
        exits,
        statistics);
  }

  private PortStrings portStrings(X86Processor.Units units, KvmBus bus) {
    return new PortStrings(
        state.core(),
        units.instructions(),
        new EmulatedAccess(state.core(), units.linear(), state.mmu(), faults, bus),
        bus,
        exits,
        stops,
        statistics,
        cpu);
  }

  public X86Vm vm() {
    return vm;
  }

  public int id() {
    return id;
  }

  /** kvm_run, the PIO page and the coalesced ring. */
  public SharedPages runPages() {
    return pages;
  }

  public X86VcpuState state() {
    return state;
  }

  /** The core with its fault path; for counters. */
  public Vcpu vcpu() {
    return vcpu;
  }

  VcpuInterrupts interrupts() {
    return interrupts;
  }

  /** Takes INIT and start-up messages that came (kvm_apic_accept_events). */
  void acceptStartUp() {
    if (interrupts.takeInit()) {
      reset.init();
      cpu.init();
      state.events().clear();
      boolean boots = id == vm.state().bootCpu();
      state.setMpState(boots ? X86VcpuState.RUNNABLE : X86VcpuState.INIT_RECEIVED);
    }
    if (state.mpState() == X86VcpuState.INIT_RECEIVED) {
      int page = interrupts.takeSipi();
      if (page >= 0) {
        reset.startUp(page);
        state.setMpState(X86VcpuState.RUNNABLE);
      }
    }
  }

  RunExit exits() {
    return exits;
  }

  GuestStops stops() {
    return stops;
  }

  KvmFaults faults() {
    return faults;
  }

  X86Statistics counters() {
    return statistics;
  }

  KvmCpu cpu() {
    return cpu;
  }

  @Override
  public long ioctl(Caller caller, int request, long argument) {
    if (request == Ioctls.GET_MP_STATE) {
      acceptStartUp();
    }
    return state.ioctl(caller, request, argument);
  }

  @Override
  public RunCall run() {
    return new X86Run(this);
  }

  @Override
  public void statistics(long[] values) {
    statistics.put(values);
  }

  @Override
  public void endTurn() {
    vcpu.engine().kick();
  }

  @Override
  public long walks() {
    return state.mmu().counters().get(MmuEvent.WALK);
  }

  @Override
  public void close() {
    vm.removed(this);
    vcpu.engine().close();
  }
}
