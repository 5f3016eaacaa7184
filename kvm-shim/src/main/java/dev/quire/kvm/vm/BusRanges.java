package dev.quire.kvm.vm;

import java.util.ArrayList;
import java.util.List;

/**
 * The ranges of one bus that writes are offered to, in the order and with the binary search of
 * Linux (v6.18 virt/kvm/kvm_main.c, kvm_io_bus_cmp, kvm_io_bus_get_first_dev). The order suits
 * ranges that do not overlap: of nested ones the search may miss some, and a guest's write to such
 * a place goes to user space although a range holds it. On the VM's thread.
 */
final class BusRanges {
  /** Who takes writes. */
  interface Target {
    /** Whether the write is done. */
    boolean write(long address, int bytes, long data);
  }

  /**
   * @param bytes 0: a write of any length to exactly this address
   */
  private record Range(long address, long bytes, Target target) {}

  private final List<Range> ranges = new ArrayList<>();

  /** Behind all ranges that do not come later. */
  void add(long address, long bytes, Target target) {
    Range range = new Range(address, bytes, target);
    int at = 0;
    while (at < ranges.size() && compare(ranges.get(at), address, bytes) <= 0) {
      at++;
    }
    ranges.add(at, range);
  }

  void remove(Target target) {
    ranges.removeIf(range -> range.target == target);
  }

  boolean write(long address, int bytes, long data) {
    int at = first(address, bytes);
    while (at >= 0 && at < ranges.size() && position(address, bytes, ranges.get(at)) == 0) {
      if (ranges.get(at).target.write(address, bytes, data)) {
        return true;
      }
      at++;
    }
    return false;
  }

  private int first(long address, int bytes) {
    int base = 0;
    int count = ranges.size();
    while (count > 0) {
      int pivot = base + (count >> 1);
      int position = position(address, bytes, ranges.get(pivot));
      if (position == 0) {
        return firstOf(address, bytes, pivot);
      }
      if (position > 0) {
        base = pivot + 1;
        count--;
      }
      count >>= 1;
    }
    return -1;
  }

  private int firstOf(long address, int bytes, int found) {
    int at = found;
    while (at > 0 && position(address, bytes, ranges.get(at - 1)) == 0) {
      at--;
    }
    return at;
  }

  /** Where a range stands to another: kvm_io_bus_cmp(range, the other). */
  private static int compare(Range range, long address, long bytes) {
    return compare(range.address, range.bytes, address, bytes);
  }

  private static int position(long address, int bytes, Range range) {
    return compare(address, bytes, range.address, range.bytes);
  }

  private static int compare(long address, long bytes, long other, long otherBytes) {
    if (Long.compareUnsigned(address, other) < 0) {
      return -1;
    }
    long end = otherBytes == 0 ? address : address + bytes;
    return Long.compareUnsigned(end, other + otherBytes) > 0 ? 1 : 0;
  }
}
