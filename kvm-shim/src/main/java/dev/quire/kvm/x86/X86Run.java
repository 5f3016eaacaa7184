package dev.quire.kvm.x86;

import dev.quire.emulator.exec.ExecutionEngine;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.X86Flags;
import dev.quire.kernel.kvm.MemoryFault;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.GuestRun;
import dev.quire.kvm.vm.KvmBus;
import dev.quire.kvm.vm.KvmFaults;
import dev.quire.kvm.vm.VmTime;
import java.util.function.BooleanSupplier;

/**
 * One KVM_RUN (Linux v6.18 arch/x86/kvm/x86.c, kvm_arch_vcpu_ioctl_run and vcpu_run): what the last
 * exit left, then the guest in slices until an exit that user space sees. VM thread only, but for
 * {@link #signal}.
 */
final class X86Run extends GuestRun {
  private enum Phase {
    BEGINNING,
    /** Waits for INIT and a start-up IPI. */
    UNINITIALIZED,
    /** The instruction of the last exit is not over. */
    FINISHING,
    RUNNING
  }

  private static final long MOST_CR8 = 15;
  private static final int SREGS_AT = KvmRun.REGS_BYTES;
  private static final int EVENTS_AT = SREGS_AT + KvmRun.SREGS_BYTES;
  private static final int SYNC_BYTES = EVENTS_AT + KvmRun.EVENTS_BYTES;

  private final X86Vcpu owner;
  private final X86VcpuState state;
  private final KvmRun run;
  private final RunExit exits;
  private final KvmCpu cpu;
  private final GuestStops stops;
  private final KvmFaults faults;
  private final Vcpu vcpu;
  private final ExecutionEngine engine;
  private final X86Core core;
  private final VmTime time;
  private final KvmBus bus;
  private Phase phase = Phase.BEGINNING;
  private boolean immediateExit;

  X86Run(X86Vcpu owner) {
    super(owner.vm().time(), owner.vcpu());
    this.owner = owner;
    this.state = owner.state();
    this.exits = owner.exits();
    this.run = exits.run();
    this.cpu = owner.cpu();
    this.stops = owner.stops();
    this.faults = owner.faults();
    this.vcpu = owner.vcpu();
    this.engine = vcpu.engine();
    this.core = state.core();
    this.time = owner.vm().time();
    this.bus = owner.vm().context().bus();
  }

  @Override
  protected void setRunning(boolean running) {
    owner.vm().setRunning(running ? owner : null);
  }

  @Override
  protected int turn(long instructions) {
    if (phase == Phase.BEGINNING) {
      enter();
      begin();
    }
    time.runDue();
    owner.acceptStartUp();
    if (phase == Phase.UNINITIALIZED) {
      return awaitStart();
    }
    long sliceEnd = engine.retired() + instructions;
    boolean userPic = state.vm().irqchip() != X86VmState.Irqchip.KERNEL;
    while (!isOver()) {
      cpu.askWindow(userPic && run.requestInterruptWindow());
      time.runDue();
      owner.acceptStartUp();
      if (phase == Phase.FINISHING && vcpu.isBetweenInstructions()) {
        afterFinish();
      } else if (phase == Phase.RUNNING && isSignalled()) {
        interrupted();
      } else if (phase == Phase.RUNNING && isWaiting()) {
        if (state.mpState() == X86VcpuState.HALTED && cpu.opensWindow()) {
          finish(0);
          continue;
        }
        int outcome = idle();
        if (outcome != DONE) {
          return outcome;
        }
      } else if (phase == Phase.RUNNING && engine.retired() >= sliceEnd) {
        return MORE;
      } else if (phase == Phase.RUNNING && owner.vm().context().isDirtyRingFull(owner.id())) {
        run.setExitReason(KvmRun.EXIT_DIRTY_RING_FULL);
        finish(0);
      } else {
        int outcome = runCore(sliceEnd);
        if (outcome != DONE) {
          return outcome;
        }
      }
    }
    return DONE;
  }

  /** Halted without an interrupt, or between INIT and the start-up message. */
  private boolean isWaiting() {
    if (state.mpState() == X86VcpuState.HALTED && cpu.hasWork()) {
      state.setMpState(X86VcpuState.RUNNABLE);
    }
    return state.mpState() == X86VcpuState.HALTED
        || state.mpState() == X86VcpuState.INIT_RECEIVED
        || state.mpState() == X86VcpuState.UNINITIALIZED;
  }

  // The beginning.

  private void begin() {
    immediateExit = run.immediateExit();
    run.setFlags(0);
    if (state.mpState() == X86VcpuState.UNINITIALIZED) {
      if (immediateExit) {
        finish(-Errno.EINTR);
      } else {
        phase = Phase.UNINITIALIZED;
      }
      return;
    }
    long error = takeSynced();
    if (error == 0 && state.apic() == null) {
      error = takeCr8();
    }
    if (error != 0) {
      finish(error);
      return;
    }
    owner.counters().entered();
    state.beforeRun();
    cpu.begin();
    BooleanSupplier completion = exits.takeCompletion();
    if (completion != null && !completion.getAsBoolean()) {
      finish(0);
      return;
    }
    phase = Phase.FINISHING;
  }

  private int awaitStart() {
    if (isSignalled()) {
      interrupted();
    } else if (state.mpState() != X86VcpuState.UNINITIALIZED) {
      finish(-Errno.EAGAIN);
    }
    return isOver() ? DONE : idle() == MORE ? MORE : WAITING;
  }

  /** sync_regs: what the client changed in kvm_run; every byte is copied once before it is used. */
  private long takeSynced() {
    long dirty = run.dirtyRegs();
    if (((run.validRegs() | dirty) & ~(long) KvmRun.SYNC_ALL) != 0) {
      return -Errno.EINVAL;
    }
    if (dirty == 0) {
      return 0;
    }
    byte[] synced = new byte[SYNC_BYTES];
    run.getSynced(synced);
    if ((dirty & KvmRun.SYNC_REGS) != 0) {
      state.setRegs(synced, 0);
      taken(KvmRun.SYNC_REGS);
    }
    if ((dirty & KvmRun.SYNC_SREGS) != 0) {
      if (state.setSregs(synced, SREGS_AT) != 0) {
        return -Errno.EINVAL;
      }
      taken(KvmRun.SYNC_SREGS);
    }
    if ((dirty & KvmRun.SYNC_EVENTS) != 0) {
      if (state.setEvents(synced, EVENTS_AT) != 0) {
        return -Errno.EINVAL;
      }
      taken(KvmRun.SYNC_EVENTS);
    }
    return 0;
  }

  private void taken(int syncClass) {
    run.setDirtyRegs(run.dirtyRegs() & ~(long) syncClass);
  }

  private long takeCr8() {
    long cr8 = run.cr8();
    if (Long.compareUnsigned(cr8, MOST_CR8) > 0) {
      return -Errno.EINVAL;
    }
    core.setCr8(cr8);
    return 0;
  }

  private void afterFinish() {
    cpu.finishOnly(false);
    if (immediateExit) {
      finish(-Errno.EINTR);
      return;
    }
    run.setExitReason(KvmRun.EXIT_UNKNOWN);
    phase = Phase.RUNNING;
  }

  // The guest runs.

  private int runCore(long sliceEnd) {
    boolean finishing = phase == Phase.FINISHING;
    cpu.finishOnly(finishing);
    return handle(finishing ? finishInstruction() : execute(stops.deadline(sliceEnd)));
  }

  private int handle(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.Mmio access -> device(access);
      case VcpuExit.Client() -> finish(0);
      case VcpuExit.Hlt() -> halt();
      case VcpuExit.Shutdown(String ignored) -> {
        run.setExitReason(KvmRun.EXIT_SHUTDOWN);
        finish(0);
      }
      case VcpuExit.SliceEnd() -> {
        if (phase == Phase.RUNNING && stops.afterRun() != null) {
          finish(0);
        }
      }
      case VcpuExit.Intr() -> {
        // The signal that kicked the core is looked at next; a stale kick means nothing.
      }
      case VcpuExit.Livelock(String ignored) -> {
        return MORE;
      }
      case VcpuExit.HandlerDead(String ignored) -> {
        if (!isSignalled()) {
          return WAITING;
        }
        interrupted();
      }
      case VcpuExit.InternalError(String ignored) -> fail();
      case VcpuExit.Io io -> throw new IllegalStateException("port accesses are PortIo's: " + io);
    }
    return DONE;
  }

  private void interrupted() {
    faults.stopWaiting();
    run.setExitReason(KvmRun.EXIT_INTR);
    owner.counters().left(KvmRun.EXIT_INTR);
    finish(-Errno.EINTR);
  }

  private void halt() {
    core.setResumeFlag(false);
    owner.counters().halted();
    boolean waitsInGuest = (state.vm().disabledExits() & X86VmState.DISABLE_EXITS_HLT) != 0;
    if (state.apic() == null && !waitsInGuest) {
      run.setExitReason(KvmRun.EXIT_HLT);
      finish(0);
    } else if (!cpu.hasWork()) {
      state.setMpState(X86VcpuState.HALTED);
    }
  }

  /** An access to what is no memory: a device in the kernel's, else user space's. */
  private void device(VcpuExit.Mmio access) {
    if (access.write()) {
      if (bus.write(false, access.gpa(), access.bytes(), access.data())) {
        return;
      }
      if (cpu.accessRepeats()) {
        // The emulator leaves even a finished repetition at its instruction, with RF set.
        core.setRip(cpu.accessRip());
        core.setResumeFlag(true);
      }
    } else {
      if (bus.read(false, access.gpa(), access.bytes())) {
        vcpu.complete(bus.data());
        return;
      }
      stops.showResumeFlag();
      int bytes = access.bytes();
      exits.completeBy(() -> completeRead(bytes));
    }
    if (phase == Phase.RUNNING) {
      owner.counters().userMmio();
    }
    run.exitMmio(access.gpa(), access.bytes(), access.write(), access.data());
    finish(0);
  }

  /** The instruction goes on where it was, whatever KVM_SET_REGS made of the program counter. */
  private boolean completeRead(int bytes) {
    core.setRip(cpu.accessRip());
    stops.takeResumeFlag();
    vcpu.complete(run.mmioData(bytes));
    return true;
  }

  private void fail() {
    int error = faults.takeError();
    if (error == 0) {
      cannotEmulate();
      return;
    }
    MemoryFault fault = faults.takeMemoryFault();
    if (fault != null) {
      run.exitMemoryFault(fault.flags(), fault.gpa(), fault.bytes());
    }
    finish(error);
  }

  private void cannotEmulate() {
    if (cpu.cannotEmulate() != null) {
      finish(0);
    }
  }

  // The end.

  @Override
  protected void finish(long value) {
    cpu.finishOnly(false);
    owner.interrupts().leaveGuest();
    super.finish(value);
    if (value == 0) {
      owner.counters().left(run.exitReason());
    }
    state.afterRun();
    long valid = run.validRegs();
    if (valid != 0) {
      giveSynced(valid);
    }
    boolean kernelPic = state.vm().irqchip() == X86VmState.Irqchip.KERNEL;
    run.setIfFlag((core.controlFlags() & X86Flags.RFLAGS_IF) != 0);
    run.setCr8(core.cr8());
    run.setApicBase(state.apicBase());
    run.setReadyForInterrupt(kernelPic || cpu.isReadyForInterrupt());
  }

  private void giveSynced(long valid) {
    byte[] synced = new byte[SYNC_BYTES];
    if ((valid & KvmRun.SYNC_REGS) != 0) {
      state.getRegs(synced, 0);
      run.setSynced(synced, 0, KvmRun.REGS_BYTES);
    }
    if ((valid & KvmRun.SYNC_SREGS) != 0) {
      state.getSregs(synced, SREGS_AT);
      run.setSynced(synced, SREGS_AT, KvmRun.SREGS_BYTES);
    }
    if ((valid & KvmRun.SYNC_EVENTS) != 0) {
      state.getEvents(synced, EVENTS_AT);
      run.setSynced(synced, EVENTS_AT, KvmRun.EVENTS_BYTES);
    }
  }
}
