package dev.quire.emulator.boot;

import java.util.List;

/** Where a machine's RAM lies in guest physical addresses. */
public record GuestRam(List<Range> ranges) {
  /** The start of RAM on the arm64 machine. */
  public static final long VIRT_BASE_GPA = 0x4000_0000L;

  /** RAM of the PC below the hole for devices ends here, and goes on at 4 GiB. */
  public static final long PC_LOW_LIMIT_GPA = 0xc000_0000L;

  public static final long PC_HIGH_BASE_GPA = 0x1_0000_0000L;

  public static final long MAX_BYTES = 1L << 40;
  private static final long MIN_BYTES = 2L << 20;
  private static final long PAGE_BYTES = 4096;

  /** Contiguous RAM. */
  public record Range(long gpa, long bytes) {
    public long endGpa() {
      return gpa + bytes;
    }
  }

  /** The map of either machine. */
  public static GuestRam of(GuestArchitecture architecture, long memoryBytes) {
    if (memoryBytes < MIN_BYTES || memoryBytes > MAX_BYTES || memoryBytes % PAGE_BYTES != 0) {
      throw new BadGuestException(
          "memory",
          "%d bytes is not a multiple of %d from %d to %d"
              .formatted(memoryBytes, PAGE_BYTES, MIN_BYTES, MAX_BYTES));
    }
    return switch (architecture) {
      case ARM64 -> new GuestRam(List.of(new Range(VIRT_BASE_GPA, memoryBytes)));
      case X86_64 ->
          memoryBytes <= PC_LOW_LIMIT_GPA
              ? new GuestRam(List.of(new Range(0, memoryBytes)))
              : new GuestRam(
                  List.of(
                      new Range(0, PC_LOW_LIMIT_GPA),
                      new Range(PC_HIGH_BASE_GPA, memoryBytes - PC_LOW_LIMIT_GPA)));
    };
  }

  /** The range that loaders place things in. */
  public Range low() {
    return ranges.getFirst();
  }

  /** Whether one range holds the {@code bytes} (unsigned) at {@code gpa}. */
  public boolean contains(long gpa, long bytes) {
    for (Range range : ranges) {
      if (gpa >= range.gpa
          && bytes >= 0
          && bytes <= range.bytes
          && gpa - range.gpa <= range.bytes - bytes) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (Range range : ranges) {
      text.append(text.isEmpty() ? "" : " and ")
          .append("0x%x-0x%x".formatted(range.gpa, range.endGpa()));
    }
    return text.toString();
  }
}
