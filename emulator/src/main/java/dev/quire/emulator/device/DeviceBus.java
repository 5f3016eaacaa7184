package dev.quire.emulator.device;

import java.util.ArrayList;
import java.util.List;

/**
 * Who answers a guest physical address or an I/O port.
 *
 * <p>An MMIO access that no single device claims as a whole reads as all ones and its write is
 * dropped; {@link #isMapped} tells beforehand whether an address belongs to a device at all, so
 * that an architecture can fault instead. An I/O port access that no single device claims is split
 * into bytes; an unclaimed byte reads as 0xff. Built once at start, then only read. Machine thread
 * only; accesses never throw.
 */
public final class DeviceBus {
  private static final int PORTS = 0x1_0000;

  /** One claimed range of guest physical addresses. */
  public record MmioRange(long baseGpa, long bytes, MmioDevice device) {
    boolean contains(long gpa, int accessBytes) {
      long offset = gpa - baseGpa;
      return Long.compareUnsigned(offset, bytes) < 0 && bytes - offset >= accessBytes;
    }
  }

  private final List<MmioRange> ranges = new ArrayList<>();
  private MmioRange lastHit;
  private final PortDevice[] ports = new PortDevice[PORTS];

  /** Claims {@code [baseGpa, baseGpa + bytes)}; overlapping another claim is an error. */
  public void mapMmio(long baseGpa, long bytes, MmioDevice device) {
    if (bytes <= 0 || baseGpa < 0 || baseGpa > Long.MAX_VALUE - bytes) {
      throw new IllegalArgumentException(
          "MMIO range 0x%x + 0x%x is not a range".formatted(baseGpa, bytes));
    }
    for (MmioRange other : ranges) {
      if (baseGpa < other.baseGpa + other.bytes && other.baseGpa < baseGpa + bytes) {
        throw new IllegalArgumentException(
            "MMIO range 0x%x + 0x%x overlaps 0x%x".formatted(baseGpa, bytes, other.baseGpa));
      }
    }
    ranges.add(new MmioRange(baseGpa, bytes, device));
    ranges.sort((a, b) -> Long.compare(a.baseGpa(), b.baseGpa()));
  }

  /** Claims {@code count} ports from {@code firstPort}; overlapping another claim is an error. */
  public void mapPorts(int firstPort, int count, PortDevice device) {
    if (firstPort < 0 || count <= 0 || firstPort > PORTS - count) {
      throw new IllegalArgumentException(
          "ports 0x%x + %d are not a range".formatted(firstPort, count));
    }
    for (int port = firstPort; port < firstPort + count; port++) {
      if (ports[port] != null) {
        throw new IllegalArgumentException("port 0x%x is claimed twice".formatted(port));
      }
      ports[port] = device;
    }
  }

  /** The claimed MMIO ranges in rising order. */
  public List<MmioRange> mmioRanges() {
    return List.copyOf(ranges);
  }

  /** Whether a device claims this address. */
  public boolean isMapped(long gpa) {
    return find(gpa, 1) != null;
  }

  /** Reads 1, 2, 4 or 8 bytes; all ones (in that width) where no one device claims them all. */
  public long read(long gpa, int bytes) {
    MmioRange range = find(gpa, bytes);
    long ones = bytes >= 8 ? -1L : (1L << (8 * bytes)) - 1;
    return range == null ? ones : range.device.read(gpa - range.baseGpa, bytes) & ones;
  }

  public void write(long gpa, int bytes, long value) {
    MmioRange range = find(gpa, bytes);
    if (range != null) {
      range.device.write(gpa - range.baseGpa, bytes, value);
    }
  }

  /** Reads 1, 2 or 4 bytes from a port; bits of {@code port} above 15 are ignored. */
  public long readPort(int port, int bytes) {
    int first = port & 0xffff;
    PortDevice device = solePortOwner(first, bytes);
    if (device != null) {
      return device.read(first, bytes) & (1L << (8 * bytes)) - 1;
    }
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      int one = (first + i) & 0xffff;
      long part = ports[one] == null ? 0xff : ports[one].read(one, 1) & 0xff;
      value |= part << (8 * i);
    }
    return value;
  }

  /** Writes 1, 2 or 4 bytes to a port; bits of {@code port} above 15 are ignored. */
  public void writePort(int port, int bytes, long value) {
    int first = port & 0xffff;
    PortDevice device = solePortOwner(first, bytes);
    if (device != null) {
      device.write(first, bytes, value & (1L << (8 * bytes)) - 1);
      return;
    }
    for (int i = 0; i < bytes; i++) {
      int one = (first + i) & 0xffff;
      if (ports[one] != null) {
        ports[one].write(one, 1, value >>> (8 * i) & 0xff);
      }
    }
  }

  private PortDevice solePortOwner(int first, int bytes) {
    PortDevice device = ports[first];
    if (device == null || first + bytes > PORTS) {
      return null;
    }
    for (int i = 1; i < bytes; i++) {
      if (ports[first + i] != device) {
        return null;
      }
    }
    return device;
  }

  private MmioRange find(long gpa, int bytes) {
    MmioRange hit = lastHit;
    if (hit != null && hit.contains(gpa, bytes)) {
      return hit;
    }
    for (MmioRange range : ranges) {
      if (range.contains(gpa, bytes)) {
        lastHit = range;
        return range;
      }
    }
    return null;
  }
}
