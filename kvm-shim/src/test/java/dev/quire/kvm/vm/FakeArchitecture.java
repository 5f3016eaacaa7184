package dev.quire.kvm.vm;

import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.mmu.Access;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.x86.EptEntry;
import java.util.ArrayList;
import java.util.List;

/**
 * An architecture that writes down what it is asked; a vCPU's run stores to the pages it is told.
 */
final class FakeArchitecture implements Architecture {
  static final int MOST_VCPU_ID = 8;
  static final int MOST_VCPUS = 4;
  static final int OWN_IOCTL = 0xae7f;
  static final long TYPE = 0;
  static final long PRIVATE_TYPE = 1;

  /** Calls of the architecture's, in their order. */
  final List<String> log = new ArrayList<>();

  HostTraits traits = HostTraits.X86_64;
  long irqfdError;

  /** Guest-physical addresses that the next runs store to, one each turn. */
  final List<Long> stores = new ArrayList<>();

  /** Turns that the next run waits. */
  int waits;

  VmContext vm;

  @Override
  public boolean acceptsVmType(VmHost host, long type) {
    return type == TYPE
        || type == PRIVATE_TYPE && host.kernel().config().profile().memoryAttributes();
  }

  @Override
  public long systemIoctl(Caller caller, int request, long argument) {
    return request == OWN_IOCTL ? 77 : ArchVcpu.UNKNOWN;
  }

  @Override
  public long checkExtension(long capability) {
    return switch ((int) capability) {
      case Capabilities.MAX_VCPU_ID -> MOST_VCPU_ID;
      case Capabilities.MAX_VCPUS -> MOST_VCPUS;
      case Capabilities.PRE_FAULT_MEMORY -> traits.runPages() == 2 ? 1 : 0;
      default -> ArchVcpu.UNKNOWN;
    };
  }

  @Override
  public HostTraits traits() {
    return traits;
  }

  @Override
  public PteFormat stage2Format(long type) {
    return EptEntry.FIVE_LEVEL;
  }

  @Override
  public int physicalBits(long type) {
    return 52;
  }

  @Override
  public ArchVm createVm(VmContext context, long type) {
    vm = context;
    if (type == PRIVATE_TYPE) {
      context.stage2().allowPrivateMemory(context.host().kernel().config().profile());
    }
    return new FakeVm();
  }

  private final class FakeVm implements ArchVm {
    @Override
    public ArchVcpu createVcpu(int id, SharedPages run) {
      return id == MOST_VCPU_ID - 1 ? null : new FakeVcpu(id);
    }

    @Override
    public long error() {
      return -Errno.EBUSY;
    }

    @Override
    public long ioctl(Caller caller, int request, long argument) {
      return request == OWN_IOCTL ? 78 : ArchVcpu.UNKNOWN;
    }

    @Override
    public long checkExtension(long capability) {
      return capability == Capabilities.SET_TSS_ADDR ? 5 : ArchVcpu.UNKNOWN;
    }

    @Override
    public long enableCapability(int capability, int flags, long[] arguments) {
      return capability == Capabilities.SPLIT_IRQCHIP ? arguments[0] : ArchVcpu.UNKNOWN;
    }

    @Override
    public void setInterruptLine(int gsi, boolean level) {
      log.add("line %d %b".formatted(gsi, level));
    }

    @Override
    public void injectInterrupt(int gsi) {
      log.add("inject " + gsi);
    }

    @Override
    public long irqfdError(boolean resample) {
      return irqfdError;
    }

    @Override
    public void close() {
      log.add("vm closed");
    }
  }

  private final class FakeVcpu implements ArchVcpu {
    private final int id;

    FakeVcpu(int id) {
      this.id = id;
    }

    @Override
    public long ioctl(Caller caller, int request, long argument) {
      return request == OWN_IOCTL ? 79 : UNKNOWN;
    }

    @Override
    public RunCall run() {
      return new FakeRun(id);
    }

    @Override
    public void close() {
      log.add("vcpu %d closed".formatted(id));
    }
  }

  private final class FakeRun implements RunCall {
    private final int id;
    private boolean signalled;
    private long result;

    FakeRun(int id) {
      this.id = id;
    }

    @Override
    public int step(long instructions) {
      if (signalled) {
        result = -Errno.EINTR;
        return DONE;
      }
      if (vm.isDirtyRingFull(id)) {
        log.add("vcpu %d ring full".formatted(id));
        return DONE;
      }
      if (waits > 0) {
        waits--;
        return WAITING;
      }
      if (stores.isEmpty()) {
        return DONE;
      }
      long gpa = stores.remove(0);
      int code = Stage2Mmu.code(vm.stage2().fault(gpa, Access.WRITE));
      if (code != Stage2Mmu.MAPPED) {
        log.add("vcpu %d fault %d at 0x%x".formatted(id, code, gpa));
      }
      return MORE;
    }

    @Override
    public void signal() {
      signalled = true;
    }

    @Override
    public long result() {
      return result;
    }
  }
}
