package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.kvm.fd.EventDescriptor;
import dev.quire.kvm.vm.VmStructs.IoEventFd;
import java.util.ArrayList;
import java.util.List;

/**
 * Eventfds that a guest's write to an address or port signals (Linux v6.18 virt/kvm/eventfd.c,
 * kvm_ioeventfd). On the VM's thread.
 */
final class IoEventFds {
  private static final int KNOWN_FLAGS =
      IoEventFd.DATAMATCH
          | IoEventFd.PIO
          | IoEventFd.DEASSIGN
          | IoEventFd.VIRTIO_CCW
          | IoEventFd.FAST_MMIO;

  private enum Bus {
    MMIO,
    PIO,
    VIRTIO_CCW
  }

  /**
   * @param bytes of an access that matches; 0: any
   * @param anyData whether whatever is written matches
   */
  private record Entry(
      Bus bus, long address, int bytes, boolean anyData, long data, EventDescriptor event)
      implements BusRanges.Target {
    boolean isSame(Entry other) {
      return event.identity().equals(other.event.identity())
          && bus == other.bus
          && address == other.address
          && bytes == other.bytes
          && anyData == other.anyData
          && data == other.data;
    }

    boolean collidesWith(Entry other) {
      return bus == other.bus
          && address == other.address
          && (bytes == 0
              || other.bytes == 0
              || bytes == other.bytes && (anyData || other.anyData || data == other.data));
    }

    @Override
    public boolean write(long at, int accessBytes, long written) {
      boolean matches =
          address == at
              && (bytes == 0 || bytes == accessBytes && (anyData || low(written, bytes) == data));
      if (matches) {
        event.signal(1);
      }
      return matches;
    }

    private static long low(long value, int bytes) {
      return bytes == Long.BYTES ? value : value & (1L << 8 * bytes) - 1;
    }
  }

  private final BusRanges ports;
  private final BusRanges addresses;
  private final List<Entry> entries = new ArrayList<>();

  IoEventFds(BusRanges ports, BusRanges addresses) {
    this.ports = ports;
    this.addresses = addresses;
  }

  /** KVM_IOEVENTFD. */
  long set(Caller caller, IoEventFd request) {
    boolean remove = (request.flags() & IoEventFd.DEASSIGN) != 0;
    long error = remove ? 0 : error(request);
    if (error != 0) {
      return error;
    }
    Descriptor file = caller.descriptors().find(request.event());
    if (file == null) {
      return -Errno.EBADF;
    }
    if (!(file instanceof EventDescriptor event)) {
      return -Errno.EINVAL;
    }
    boolean anyData = (request.flags() & IoEventFd.DATAMATCH) == 0;
    Entry entry =
        new Entry(
            busOf(request.flags()),
            request.address(),
            request.bytes(),
            anyData,
            anyData ? 0 : request.dataMatch(),
            event);
    return remove ? remove(entry) : add(entry);
  }

  private static Bus busOf(int flags) {
    if ((flags & IoEventFd.PIO) != 0) {
      return Bus.PIO;
    }
    return (flags & IoEventFd.VIRTIO_CCW) != 0 ? Bus.VIRTIO_CCW : Bus.MMIO;
  }

  private static long error(IoEventFd request) {
    int bytes = request.bytes();
    boolean size = bytes == 0 || bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
    boolean legal =
        size
            && Long.compareUnsigned(request.address() + bytes, request.address()) >= 0
            && (request.flags() & ~KNOWN_FLAGS) == 0
            && (bytes != 0 || (request.flags() & IoEventFd.DATAMATCH) == 0);
    return legal ? 0 : -Errno.EINVAL;
  }

  private long add(Entry entry) {
    for (Entry other : entries) {
      if (other.collidesWith(entry)) {
        return -Errno.EEXIST;
      }
    }
    entry.event.get();
    entries.add(entry);
    BusRanges bus = rangesOf(entry);
    if (bus != null) {
      bus.add(entry.address, entry.bytes, entry);
    }
    return 0;
  }

  private long remove(Entry entry) {
    for (int i = 0; i < entries.size(); i++) {
      if (entries.get(i).isSame(entry)) {
        Entry removed = entries.remove(i);
        BusRanges bus = rangesOf(removed);
        if (bus != null) {
          bus.remove(removed);
        }
        removed.event.put();
        return 0;
      }
    }
    return -Errno.ENOENT;
  }

  /** Null for a bus that x86 and arm64 guests do not reach. */
  private BusRanges rangesOf(Entry entry) {
    return switch (entry.bus) {
      case MMIO -> addresses;
      case PIO -> ports;
      case VIRTIO_CCW -> null;
    };
  }

  void close() {
    for (Entry entry : entries) {
      entry.event.put();
    }
    entries.clear();
  }
}
