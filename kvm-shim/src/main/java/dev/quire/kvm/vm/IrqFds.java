package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.EventDescriptor;
import dev.quire.kvm.vm.VmStructs.IrqFd;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Eventfds that raise interrupts; with resampling, a level that holds until the guest ends the
 * interrupt, which a second eventfd tells (Linux v6.18 virt/kvm/eventfd.c, kvm_irqfd). On the VM's
 * thread.
 */
final class IrqFds {
  private static final int KNOWN_FLAGS = IrqFd.DEASSIGN | IrqFd.RESAMPLE;

  private record Entry(int gsi, EventDescriptor event, EventDescriptor resample) {}

  private final ArchVm vm;

  /** Identities of the eventfds that irqfds of any VM listen to: each serves one. */
  private final Set<Object> listenedTo;

  private final List<Entry> entries = new ArrayList<>();

  /**
   * @param listenedTo the eventfds that have an irqfd, of all VMs; thread-safe
   */
  IrqFds(ArchVm vm, Set<Object> listenedTo) {
    this.vm = vm;
    this.listenedTo = listenedTo;
  }

  /** KVM_IRQFD. */
  long set(Caller caller, IrqFd request) {
    if ((request.flags() & ~KNOWN_FLAGS) != 0) {
      return -Errno.EINVAL;
    }
    boolean resample = (request.flags() & IrqFd.RESAMPLE) != 0;
    boolean remove = (request.flags() & IrqFd.DEASSIGN) != 0;
    long error = remove ? 0 : vm.irqfdError(resample);
    if (error != 0) {
      return error;
    }
    Descriptor file = caller.descriptors().find(request.event());
    if (!(file instanceof EventDescriptor event)) {
      return notAnEvent(file);
    }
    if (remove) {
      return remove(event, request.gsi());
    }
    EventDescriptor ended = null;
    if (resample) {
      Descriptor other = caller.descriptors().find(request.resample());
      if (!(other instanceof EventDescriptor found)) {
        return notAnEvent(other);
      }
      ended = found;
    }
    if (!listenedTo.add(event.identity())) {
      return -Errno.EBUSY;
    }
    add(new Entry(request.gsi(), event, ended));
    return 0;
  }

  private static long notAnEvent(Descriptor file) {
    return file == null ? -Errno.EBADF : -Errno.EINVAL;
  }

  private void add(Entry entry) {
    entry.event.get();
    if (entry.resample != null) {
      entry.resample.get();
    }
    entries.add(entry);
    entry.event.listen(() -> signalled(entry));
    signalled(entry);
  }

  private void signalled(Entry entry) {
    if (entry.event.consume() == 0) {
      return;
    }
    if (entry.resample == null) {
      vm.injectInterrupt(entry.gsi);
    } else {
      vm.setInterruptLine(entry.gsi, true);
    }
  }

  private long remove(EventDescriptor event, int gsi) {
    for (int i = entries.size() - 1; i >= 0; i--) {
      Entry entry = entries.get(i);
      if (entry.event.identity().equals(event.identity()) && entry.gsi == gsi) {
        entries.remove(i);
        if (entry.resample != null && !hasResampled(gsi)) {
          vm.setInterruptLine(gsi, false);
        }
        release(entry);
      }
    }
    return 0;
  }

  private void release(Entry entry) {
    entry.event.listen(null);
    listenedTo.remove(entry.event.identity());
    entry.event.put();
    if (entry.resample != null) {
      entry.resample.put();
    }
  }

  private boolean hasResampled(int gsi) {
    return entries.stream().anyMatch(entry -> entry.gsi == gsi && entry.resample != null);
  }

  /** The guest ended an interrupt of this line (irqfd_resampler_ack). */
  void acknowledged(int gsi) {
    boolean lowered = false;
    for (Entry entry : entries) {
      if (entry.gsi == gsi && entry.resample != null) {
        if (!lowered) {
          vm.setInterruptLine(gsi, false);
          lowered = true;
        }
        entry.resample.signal(1);
      }
    }
  }

  /** The VM's file is closed (kvm_irqfd_release). */
  void close() {
    entries.forEach(this::release);
    entries.clear();
  }
}
