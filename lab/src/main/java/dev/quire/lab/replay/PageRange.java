package dev.quire.lab.replay;

/**
 * A range of user addresses as an operation names it, in bytes. It lies below {@link #END}; whether
 * it is aligned or empty is the kernel's to judge.
 *
 * @param address of the first byte
 * @param bytes long
 */
record PageRange(long address, long bytes) {
  static final int PAGE_BYTES = 4096;

  /** The 2 MiB aligned address that scripts call page 0. */
  static final long BASE = 0x7e00_0000_0000L;

  /** Pages that a script can name: 64 GiB of them, and every sum of two stays a positive long. */
  static final long MOST_PAGES = 1L << 24;

  static final long END = BASE + MOST_PAGES * PAGE_BYTES;

  /** What scripts call {@code s}: bytes to copy from, behind all pages that they can name. */
  static final long SOURCE = END + (1L << 30);

  static final long SOURCE_BYTES = 16 << 20;

  /** An address as scripts write it: its page and the byte in it. */
  static String text(long address) {
    return page(address) + "+0x" + Long.toHexString(Math.floorMod(address - BASE, PAGE_BYTES));
  }

  /** The page number that scripts know an address by. */
  static long page(long address) {
    return Math.floorDiv(address - BASE, PAGE_BYTES);
  }
}
