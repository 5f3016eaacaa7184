package dev.quire.emulator.restore;

import dev.quire.emulator.boot.GuestRam;
import java.util.ArrayList;
import java.util.List;

/**
 * Where guest memory lies: in guest physical addresses, in the VMM's address space and in the
 * snapshot's memory file. What a VMM tells a userfaultfd handler when it hands it the descriptor
 * (Firecracker's handling-page-faults contract: base, size, offset, page size). Bytes throughout.
 *
 * @param regions by rising address, none empty
 * @param pageBytes of the pages that the mappings are populated by
 */
public record GuestLayout(List<Region> regions, long pageBytes) {
  public GuestLayout {
    regions = List.copyOf(regions);
  }

  /**
   * One mapping.
   *
   * @param address in the VMM's address space
   * @param fileOffset in the memory file
   */
  public record Region(long gpa, long address, long bytes, long fileOffset) {
    boolean holds(long at) {
      return at >= address && at - address < bytes;
    }
  }

  /** RAM alone, before a VMM has mapped it: addresses are guest physical ones. */
  public static GuestLayout of(GuestRam ram, long pageBytes) {
    List<Region> regions = new ArrayList<>();
    long fileOffset = 0;
    for (GuestRam.Range range : ram.ranges()) {
      regions.add(new Region(range.gpa(), range.gpa(), range.bytes(), fileOffset));
      fileOffset += range.bytes();
    }
    return new GuestLayout(regions, pageBytes);
  }

  /** The region that holds an address of the VMM, or null. */
  public Region find(long address) {
    for (Region region : regions) {
      if (region.holds(address)) {
        return region;
      }
    }
    return null;
  }

  /**
   * The region that holds an address of the VMM.
   *
   * @throws IllegalArgumentException if none does
   */
  public Region at(long address) {
    Region region = find(address);
    if (region == null) {
      throw new IllegalArgumentException(
          "address 0x%x is in no region of guest memory".formatted(address));
    }
    return region;
  }

  /** The guest physical address of an address of the VMM. */
  public long gpaOf(long address) {
    Region region = at(address);
    return region.gpa + (address - region.address);
  }

  /** The offset in the memory file of an address of the VMM. */
  public long fileOffsetOf(long address) {
    Region region = at(address);
    return region.fileOffset + (address - region.address);
  }

  /** The VMM's address of a guest physical address, or -1 where there is no memory. */
  public long addressOf(long gpa) {
    for (Region region : regions) {
      if (gpa >= region.gpa && gpa - region.gpa < region.bytes) {
        return region.address + (gpa - region.gpa);
      }
    }
    return -1;
  }

  /** The guest physical address of an offset in the memory file, or -1 beyond its end. */
  public long gpaAt(long fileOffset) {
    for (Region region : regions) {
      if (fileOffset >= region.fileOffset && fileOffset - region.fileOffset < region.bytes) {
        return region.gpa + (fileOffset - region.fileOffset);
      }
    }
    return -1;
  }

  public long bytes() {
    return regions.stream().mapToLong(Region::bytes).sum();
  }
}
