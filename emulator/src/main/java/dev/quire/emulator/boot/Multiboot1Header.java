package dev.quire.emulator.boot;

/**
 * The header by which a file says it is a Multiboot 1 kernel: Multiboot Specification 0.6.96,
 * section 3.1.
 *
 * @param offset in the file
 */
record Multiboot1Header(int offset, int flags) {
  static final int SEARCH_BYTES = 8192;
  static final int HAS_ADDRESSES = 1 << 16;

  private static final int MAGIC = 0x1badb002;
  private static final int HEADER_BYTES = 12;

  /** Flags a loader must understand: pages aligned, memory information, video mode (ignored). */
  private static final int UNDERSTOOD = 0x7;

  private static final int MUST_UNDERSTAND = 0xffff;

  /** The first valid header in the file, or null. */
  static Multiboot1Header find(GuestFile file) {
    int end = Math.min(file.length(), SEARCH_BYTES) - HEADER_BYTES;
    for (int offset = 0; offset <= end; offset += 4) {
      if (file.i32(offset) == MAGIC
          && file.i32(offset) + file.i32(offset + 4) + file.i32(offset + 8) == 0) {
        return new Multiboot1Header(offset, file.i32(offset + 4));
      }
    }
    return null;
  }

  boolean hasAddresses() {
    return (flags & HAS_ADDRESSES) != 0;
  }

  void requireUnderstood(GuestFile file) {
    int unknown = flags & MUST_UNDERSTAND & ~UNDERSTOOD;
    if (unknown != 0) {
      throw file.bad(
          "Multiboot header at file offset 0x%x asks for features 0x%x, which are not supported",
          offset, unknown);
    }
  }
}
