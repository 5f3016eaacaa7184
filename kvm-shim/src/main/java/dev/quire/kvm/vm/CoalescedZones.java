package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.vm.VmStructs.CoalescedZone;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;

/**
 * Ranges of ports or addresses whose writes are put into a ring for later, and the ring, which the
 * client reads and may scribble over (Linux v6.18 virt/kvm/coalesced_mmio.c, struct
 * kvm_coalesced_mmio_ring). On the VM's thread.
 */
final class CoalescedZones {
  private static final int HEADER_BYTES = 8;
  private static final int ENTRY_BYTES = 24;
  private static final long LAST = 4;
  private static final int DATA_BYTES = 8;
  private static final VarHandle INDEX = ValueLayout.JAVA_INT.varHandle();

  /** NR_IOBUS_DEVS. */
  private static final int MOST_DEVICES = 1000;

  private final SharedPages ring;
  private final int entries;
  private final BusRanges ports;
  private final BusRanges addresses;
  private final List<Zone> zones = new ArrayList<>();

  /** A zone on its bus. */
  private final class Zone implements BusRanges.Target {
    private final CoalescedZone range;

    Zone(CoalescedZone range) {
      this.range = range;
    }

    @Override
    public boolean write(long address, int bytes, long data) {
      return holds(range, address, bytes) && put(range.pio(), address, bytes, data);
    }
  }

  CoalescedZones(SharedPages ring, BusRanges ports, BusRanges addresses) {
    this.ring = ring;
    this.ports = ports;
    this.addresses = addresses;
    this.entries = (int) ((ring.segment().byteSize() - HEADER_BYTES) / ENTRY_BYTES);
  }

  SharedPages ring() {
    return ring;
  }

  /** KVM_REGISTER_COALESCED_MMIO. */
  long register(CoalescedZone zone) {
    if (zone.pio() != 0 && zone.pio() != 1) {
      return -Errno.EINVAL;
    }
    if (zones.stream().filter(other -> other.range.pio() == zone.pio()).count() >= MOST_DEVICES) {
      return -Errno.ENOSPC;
    }
    Zone added = new Zone(zone);
    zones.add(added);
    bus(zone.pio()).add(zone.address(), zone.bytes(), added);
    return 0;
  }

  /** KVM_UNREGISTER_COALESCED_MMIO: zones that hold the range go, whole. */
  long unregister(CoalescedZone range) {
    if (range.pio() != 0 && range.pio() != 1) {
      return -Errno.EINVAL;
    }
    for (Zone zone : List.copyOf(zones)) {
      if (zone.range.pio() == range.pio() && holds(zone.range, range.address(), range.bytes())) {
        zones.remove(zone);
        bus(range.pio()).remove(zone);
      }
    }
    return 0;
  }

  private BusRanges bus(int pio) {
    return pio == 1 ? ports : addresses;
  }

  /** Whether a range lies in a zone (coalesced_mmio_in_range); the kernel's length is an int. */
  private static boolean holds(CoalescedZone zone, long address, long bytes) {
    return bytes <= Integer.MAX_VALUE
        && Long.compareUnsigned(address + bytes, address) >= 0
        && Long.compareUnsigned(address, zone.address()) >= 0
        && Long.compareUnsigned(address + bytes, zone.address() + zone.bytes()) <= 0;
  }

  /** Whether a write is in the ring now. */
  private boolean put(int pio, long address, int bytes, long data) {
    MemorySegment segment = ring.segment();
    int last = (int) INDEX.getVolatile(segment, LAST);
    int first = (int) INDEX.getVolatile(segment, 0L);
    if (last < 0 || last >= entries || (last + 1) % entries == first || bytes > DATA_BYTES) {
      return false;
    }
    long at = HEADER_BYTES + (long) last * ENTRY_BYTES;
    segment.set(ValueLayout.JAVA_LONG, at, address);
    segment.set(ValueLayout.JAVA_INT, at + 8, bytes);
    segment.set(ValueLayout.JAVA_INT, at + 12, pio);
    for (int i = 0; i < bytes; i++) {
      segment.set(ValueLayout.JAVA_BYTE, at + 16 + i, (byte) (data >>> 8 * i));
    }
    INDEX.setRelease(segment, LAST, (last + 1) % entries);
    return true;
  }
}
