package dev.quire.emulator.snapshot;

import java.lang.foreign.MemorySegment;

/** Where the pages of a snapshot come from. */
public interface PageSource {
  /** Calls {@code visitor} for every page of 4 KiB that is not all zeros, by rising frame. */
  void forEach(Visitor visitor);

  /** Receives a page; its bytes are valid until the call returns. */
  @FunctionalInterface
  interface Visitor {
    void page(long gfn, MemorySegment bytes);
  }
}
