package dev.quire.bindings;

/** Called when a physical address is not mapped or its mapping lacks the right. */
@FunctionalInterface
public interface MemoryFaultHook {
  /**
   * @param type Unicorn's access: 19 read, 20 write, 21 fetch unmapped; 22 write, 23 read, 24 fetch
   *     protected
   * @param pa the physical address
   * @param size bytes accessed
   * @param value what was to be written, zero else
   * @return true to retry after the hook mapped the page, false to end the run
   */
  boolean fault(int type, long pa, int size, long value);
}
