package dev.quire.kernel.kvm;

/** Where writes to slots that log dirty pages are noted beside their bitmaps: a dirty ring. */
public interface DirtyPageListener {
  /**
   * A page is written.
   *
   * @param page of the slot, in the host's base pages
   * @return whether it is noted; else it goes to the slot's bitmap
   */
  boolean dirtied(int slot, long page);
}
