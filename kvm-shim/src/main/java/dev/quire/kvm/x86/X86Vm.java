package dev.quire.kvm.x86;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.x86.LocalApic;
import dev.quire.emulator.device.x86.VcpuSignals;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.ArchVm;
import dev.quire.kvm.vm.VmContext;
import dev.quire.kvm.vm.VmTime;
import dev.quire.kvm.x86.irqchip.IrqchipCalls;
import dev.quire.kvm.x86.irqchip.IrqchipOwner;
import dev.quire.kvm.x86.irqchip.KernelIrqchip;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** The x86 side of a VM. VM thread only. */
public final class X86Vm implements ArchVm {
  private final VmContext context;
  private final VmTime time = new VmTime();
  private final X86VmState state;
  private final List<X86Vcpu> vcpus = new ArrayList<>();
  private final IrqchipCalls irqchipCalls = new IrqchipCalls(new Owner());

  /** Whose accesses are served; null when nobody's. */
  private X86Vcpu running;

  X86Vm(VmContext context) {
    this.context = context;
    this.state = new X86VmState(context, time);
  }

  /** The generic part. */
  public VmContext context() {
    return context;
  }

  public VmTime time() {
    return time;
  }

  public X86VmState state() {
    return state;
  }

  @Override
  public ArchVcpu createVcpu(int id, SharedPages run) {
    if (!state.acceptsVcpuId(id)) {
      return null;
    }
    X86Vcpu vcpu = new X86Vcpu(this, id, run);
    vcpus.add(vcpu);
    return vcpu;
  }

  /** What interrupts a new vCPU. */
  VcpuInterrupts interruptsOf(int id) {
    KernelIrqchip irqchip = irqchipCalls.irqchip();
    if (irqchip == null) {
      return new VcpuInterrupts();
    }
    LocalApic local = irqchip.addVcpu(id, id == state.bootCpu());
    return new ApicInterrupts(
        local,
        irqchip.userIoApic(local),
        new VirtualApicPage(local, state.guestMemory()),
        id,
        time,
        irqchip::mapAll);
  }

  /** Whose accesses are served from now on; null for nobody's. */
  void setRunning(X86Vcpu vcpu) {
    running = vcpu;
  }

  private X86Vcpu byId(int id) {
    for (X86Vcpu vcpu : vcpus) {
      if (vcpu.id() == id) {
        return vcpu;
      }
    }
    return null;
  }

  void removed(X86Vcpu vcpu) {
    vcpus.remove(vcpu);
  }

  @Override
  public long error() {
    return -Errno.EINVAL;
  }

  @Override
  public long ioctl(Caller caller, int request, long argument) {
    long answer = irqchipCalls.ioctl(caller, request, argument);
    return answer == ArchVcpu.UNKNOWN ? state.ioctl(caller, request, argument) : answer;
  }

  @Override
  public long checkExtension(long capability) {
    return state.checkExtension(capability);
  }

  @Override
  public long enableCapability(int capability, int flags, long[] arguments) {
    long answer = state.enableCapability(capability, flags, arguments);
    if (capability == Capabilities.SPLIT_IRQCHIP && answer == 0) {
      irqchipCalls.createSplit(arguments[0]);
    }
    return answer;
  }

  @Override
  public void setInterruptLine(int gsi, boolean level) {
    if (irqchipCalls.irqchip() != null) {
      irqchipCalls.irqchip().setLine(gsi, level, KernelIrqchip.Source.RESAMPLE);
    }
  }

  @Override
  public void injectInterrupt(int gsi) {
    if (irqchipCalls.irqchip() != null) {
      irqchipCalls.irqchip().pulse(gsi);
    }
  }

  @Override
  public long irqfdError(boolean resample) {
    KernelIrqchip irqchip = irqchipCalls.irqchip();
    boolean possible = irqchip != null && !(resample && irqchip.isSplit());
    return possible ? 0 : -Errno.EINVAL;
  }

  @Override
  public void statistics(long[] values) {
    X86Statistics.put(context.stage2(), values);
  }

  @Override
  public void close() {
    // vCPUs are closed by their files.
  }

  /** What interrupt controllers ask of the VM. */
  private final class Owner implements IrqchipOwner, VcpuSignals {
    @Override
    public boolean hasVcpus() {
      return !vcpus.isEmpty();
    }

    @Override
    public VirtualClock clock() {
      return time;
    }

    @Override
    public EventQueue events() {
      return time.events();
    }

    @Override
    public VcpuSignals signals() {
      return this;
    }

    @Override
    public int currentVcpu() {
      return running == null ? -1 : running.id();
    }

    @Override
    public void acknowledged(int gsi) {
      context.acknowledged(gsi);
    }

    @Override
    public void taskPriorityAccess(boolean write) {
      if (running != null && running.interrupts() instanceof ApicInterrupts apic) {
        apic.taskPriorityAccess(running.cpu().accessRip(), write);
      }
    }

    @Override
    public void installed(KernelIrqchip irqchip) {
      state.setIrqchip(irqchip.isSplit() ? X86VmState.Irqchip.SPLIT : X86VmState.Irqchip.KERNEL);
      context.bus().add(irqchip);
    }

    @Override
    public void init(int cpu) {
      signal(cpu, ApicInterrupts::init);
    }

    @Override
    public void sipi(int cpu, int vectorPage) {
      signal(cpu, apic -> apic.sipi(vectorPage));
    }

    private void signal(int cpu, Consumer<ApicInterrupts> what) {
      X86Vcpu vcpu = byId(cpu);
      if (vcpu != null && vcpu.interrupts() instanceof ApicInterrupts apic) {
        what.accept(apic);
        context.wake();
      }
    }

    @Override
    public void nmi(int cpu) {
      X86Vcpu vcpu = byId(cpu);
      if (vcpu != null) {
        vcpu.state().events().addNmi();
        context.wake();
      }
    }

    @Override
    public void interruptStateChanged(int cpu) {
      context.wake();
    }
  }
}
