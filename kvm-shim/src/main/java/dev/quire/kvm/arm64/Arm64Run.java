package dev.quire.kvm.arm64;

import dev.quire.emulator.exec.Arm64Engine;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.kernel.kvm.MemoryFault;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.GuestRun;
import dev.quire.kvm.vm.KvmBus;
import dev.quire.kvm.vm.VmTime;

/**
 * One KVM_RUN on arm64 (Linux v6.18 arch/arm64/kvm/arm.c, kvm_arch_vcpu_ioctl_run): the answer to
 * the last MMIO exit, then the guest in slices until an exit that user space sees. VM thread only,
 * but for {@link #signal}.
 */
final class Arm64Run extends GuestRun {
  private enum Phase {
    BEGINNING,
    /** The instruction of the last exit is not over. */
    FINISHING,
    RUNNING
  }

  /** ESR_EL2 of a software step from a lower level. */
  private static final int STEP_SYNDROME = 0x32 << 26 | 1 << 25 | 0x22;

  private final Arm64Vcpu owner;
  private final KvmRun run;
  private final Vcpu vcpu;
  private final Arm64Engine engine;
  private final VmTime time;
  private final KvmBus bus;
  private Phase phase = Phase.BEGINNING;
  private boolean immediateExit;
  private long stepFrom;

  Arm64Run(Arm64Vcpu owner) {
    super(owner.vm().time(), owner.vcpu());
    this.owner = owner;
    this.run = owner.runStructure();
    this.vcpu = owner.vcpu();
    this.engine = owner.engine();
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
      begin();
    }
    long sliceEnd = engine.retired() + instructions;
    while (!isOver()) {
      time.runDue();
      if (phase == Phase.FINISHING && vcpu.isBetweenInstructions()) {
        afterFinish();
      } else if (phase == Phase.RUNNING && isSignalled()) {
        signalled();
      } else if (phase == Phase.RUNNING && owner.vm().context().isDirtyRingFull(owner.id())) {
        run.setExitReason(KvmRun.EXIT_DIRTY_RING_FULL);
        finish(0);
      } else if (phase == Phase.RUNNING && owner.isWaiting()) {
        int outcome = idle();
        if (outcome != DONE) {
          return outcome;
        }
      } else if (phase == Phase.RUNNING && owner.userLinesChanged()) {
        interrupted();
      } else if (phase == Phase.RUNNING && engine.retired() >= sliceEnd) {
        return MORE;
      } else {
        int outcome = runCore(sliceEnd);
        if (outcome != DONE) {
          return outcome;
        }
      }
    }
    return DONE;
  }

  private void begin() {
    long error = owner.beforeRun();
    if (error != 0) {
      finish(error);
      return;
    }
    enter();
    immediateExit = run.immediateExit();
    owner.leaveStore();
    int bytes = owner.takeAwaitedBytes();
    if (bytes > 0) {
      vcpu.complete(run.mmioData(bytes));
    }
    phase = Phase.FINISHING;
  }

  private void afterFinish() {
    owner.cpu().finishOnly(false);
    if (immediateExit) {
      finish(-Errno.EINTR);
      return;
    }
    run.setExitReason(KvmRun.EXIT_UNKNOWN);
    stepFrom = engine.retired();
    phase = Phase.RUNNING;
  }

  private int runCore(long sliceEnd) {
    boolean finishing = phase == Phase.FINISHING;
    owner.cpu().finishOnly(finishing);
    long end = owner.stepsSingly() ? Math.min(sliceEnd, stepFrom + 1) : sliceEnd;
    return handle(finishing ? finishInstruction() : execute(end));
  }

  private int handle(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.Mmio access -> device(access);
      case VcpuExit.Client() -> finish(0);
      case VcpuExit.Hlt() -> owner.waitForInterrupt();
      case VcpuExit.SliceEnd() -> {
        if (phase == Phase.RUNNING && owner.stepsSingly() && engine.retired() > stepFrom) {
          owner.counters().otherExit();
          run.exitArmDebug(STEP_SYNDROME, 0);
          finish(0);
        }
      }
      case VcpuExit.Intr() -> {
        int event = owner.takeSystemEvent();
        if (event != 0) {
          run.exitSystemEvent(event, 0);
          finish(0);
        }
      }
      case VcpuExit.Livelock(String ignored) -> {
        return MORE;
      }
      case VcpuExit.HandlerDead(String ignored) -> {
        if (!isSignalled()) {
          return WAITING;
        }
        signalled();
      }
      case VcpuExit.InternalError(String ignored) -> fail();
      case VcpuExit.Shutdown(String reason) -> throw new IllegalStateException(reason);
      case VcpuExit.Io io -> throw new IllegalStateException("no ports on arm64: " + io);
    }
    return DONE;
  }

  private void signalled() {
    owner.counters().signalled();
    interrupted();
  }

  private void interrupted() {
    run.setExitReason(KvmRun.EXIT_INTR);
    finish(-Errno.EINTR);
  }

  private void device(VcpuExit.Mmio access) {
    if (access.write()) {
      if (bus.write(false, access.gpa(), access.bytes(), access.data())) {
        owner.counters().deviceAccess(false);
        return;
      }
      owner.stayAtStore();
    } else {
      if (bus.read(false, access.gpa(), access.bytes())) {
        owner.counters().deviceAccess(false);
        vcpu.complete(bus.data());
        return;
      }
      owner.awaitBytes(access.bytes());
    }
    owner.counters().deviceAccess(true);
    run.exitMmio(access.gpa(), access.bytes(), access.write(), access.data());
    finish(0);
  }

  private void fail() {
    int error = owner.faults().takeError();
    MemoryFault fault = owner.faults().takeMemoryFault();
    if (fault != null) {
      run.exitMemoryFault(fault.flags(), fault.gpa(), fault.bytes());
    }
    KvmArm64Cpu cpu = owner.cpu();
    if (cpu.takeLackOfSyndrome() && error == 0 && owner.vm().asksForMissingSyndromes()) {
      run.exitArmNisv(cpu.iss(), cpu.ipa());
      finish(0);
      return;
    }
    // What has no syndrome that user space could emulate by (io_mem_abort without ISV).
    finish(error == 0 ? -Errno.ENOSYS : error);
  }

  @Override
  protected void finish(long value) {
    owner.cpu().finishOnly(false);
    super.finish(value);
    run.setDeviceIrqLevel(owner.reportUserLines());
  }
}
