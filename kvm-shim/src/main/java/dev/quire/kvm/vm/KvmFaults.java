package dev.quire.kvm.vm;

import dev.quire.emulator.vcpu.HostFaults;
import dev.quire.kernel.kvm.MemSlot;
import dev.quire.kernel.kvm.MemoryFault;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.UffdWait;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Order;
import dev.quire.mmu.Translation;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * EPT violations of one vCPU, as KVM answers them: what no slot holds is a device, a host address
 * that cannot be had ends KVM_RUN with EFAULT, and userfaultfd puts the vCPU to sleep. VM thread
 * only.
 */
public final class KvmFaults implements HostFaults {
  private final VmContext vm;

  /** What the vCPU sleeps for in a fault of {@link #waitingGpa}; null while it does not. */
  private UffdWait wait;

  private long waitingGpa;

  private long taken;
  private long mapped;
  private long devices;

  /** -errno that KVM_RUN ends with, 0 while nothing failed. */
  private int error;

  /** Null unless KVM_EXIT_MEMORY_FAULT goes with the error. */
  private MemoryFault memoryFault;

  public KvmFaults(VmContext vm) {
    this.vm = vm;
  }

  @Override
  public int resolve(FaultRecord fault) {
    long gpa = fault.gpa();
    Stage2Mmu stage2 = vm.stage2();
    boolean resumes = wait != null && waitingGpa >>> 12 == gpa >>> 12;
    if (resumes && !wait.woken()) {
      return HANDLER_DEAD;
    }
    stopWaiting();
    taken += resumes ? 0 : 1;
    long result = resumes ? stage2.resume(gpa, fault.access()) : stage2.fault(gpa, fault.access());
    return switch (Stage2Mmu.code(result)) {
      case Stage2Mmu.MAPPED -> {
        mapped++;
        yield MAPPED;
      }
      case Stage2Mmu.RETRY -> MAPPED;
      case Stage2Mmu.MMIO -> {
        devices++;
        yield DEVICE;
      }
      case Stage2Mmu.READONLY_MMIO -> {
        devices++;
        yield READ_ONLY;
      }
      case Stage2Mmu.WAIT -> {
        wait = vm.host().space().process().blockedOn();
        waitingGpa = gpa;
        yield HANDLER_DEAD;
      }
      case Stage2Mmu.MEMORY_FAULT -> {
        memoryFault = stage2.memoryFault();
        error = -memoryFault.error();
        yield FAILED;
      }
      default -> {
        error = -Errno.EFAULT;
        yield FAILED;
      }
    };
  }

  /** The vCPU sleeps no longer: nobody is told of a fault that nobody was told of yet. */
  public void stopWaiting() {
    if (wait != null && !wait.woken()) {
      wait.cancel();
    }
    wait = null;
  }

  /** Whether a slot holds the address, writable or not. */
  public boolean hasSlot(long gpa) {
    return vm.stage2().slots().find(gpa >>> Order.BASE_PAGE_SHIFT) != null;
  }

  /** The page of a read-only slot; zeros where the host has none. */
  @Override
  public void read(long gpa, byte[] page) {
    Stage2Mmu stage2 = vm.stage2();
    int code = Stage2Mmu.code(stage2.fault(gpa, Access.READ));
    MemSlot slot = stage2.slots().find(gpa >>> Order.BASE_PAGE_SHIFT);
    if (code != Stage2Mmu.MAPPED || slot == null) {
      return;
    }
    long found = vm.host().space().peek(slot.hvaOf(gpa >>> Order.BASE_PAGE_SHIFT));
    if (!Translation.failed(found)) {
      MemorySegment bytes = vm.host().memory().bytesOf(Translation.pfn(found));
      MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, 0, page, 0, page.length);
    }
  }

  /** The device met last was met by KVM itself, in an instruction's stead: no fault of the vCPU. */
  public void discountDevice() {
    taken--;
    devices--;
  }

  /** Faults of the vCPU. */
  public long taken() {
    return taken;
  }

  /** Those that ended with an entry. */
  public long mapped() {
    return mapped;
  }

  /** Those that were accesses to devices. */
  public long devices() {
    return devices;
  }

  /** -errno of the access that failed, once; 0 if none did. */
  public int takeError() {
    int result = error;
    error = 0;
    return result;
  }

  /** What KVM_EXIT_MEMORY_FAULT says about that error, once; null for other errors. */
  public MemoryFault takeMemoryFault() {
    MemoryFault result = memoryFault;
    memoryFault = null;
    return result;
  }

  @Override
  public String problem() {
    return "the host does not back the guest's page";
  }
}
