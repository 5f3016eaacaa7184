package dev.quire.mmu.x86;

import dev.quire.mmu.PhysicalMemory;

/** Sets accessed and dirty flags in table entries as hardware does: by an atomic update. */
final class EntryFlags {
  private EntryFlags() {}

  /**
   * Sets {@code flags} in the entry at {@code pa}, provided it still holds {@code expected} in all
   * other bits.
   *
   * @param changeable bits that hardware itself may have set since the entry was read
   * @return false if the entry has become another one, and the walk must start again
   */
  static boolean set(
      PhysicalMemory memory, long pa, int entryBytes, long expected, long flags, long changeable) {
    long current = expected;
    while (!compareAndSet(memory, pa, entryBytes, current, current | flags)) {
      // A table that maps itself is used at two levels of one walk: the first use set the flag.
      current =
          entryBytes == Integer.BYTES
              ? Integer.toUnsignedLong(memory.readInt(pa))
              : memory.readLong(pa);
      if (((current ^ expected) & ~changeable) != 0) {
        return false;
      }
    }
    return true;
  }

  private static boolean compareAndSet(
      PhysicalMemory memory, long pa, int entryBytes, long expected, long value) {
    return entryBytes == Integer.BYTES
        ? memory.compareAndSetInt(pa, (int) expected, (int) value)
        : memory.compareAndSetLong(pa, expected, value);
  }
}
