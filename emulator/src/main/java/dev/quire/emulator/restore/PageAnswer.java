package dev.quire.emulator.restore;

/** How a handler gives a guest its pages, out of the snapshot's memory file. */
public enum PageAnswer {
  /** UFFDIO_COPY: allocates, copies and maps at once. */
  COPY {
    @Override
    void give(UffdOps ops, long address, long bytes) {
      ops.copy(address, ops.layout().fileOffsetOf(address), bytes);
    }
  },
  /** Fills the page cache, then UFFDIO_CONTINUE maps it. */
  CONTINUE {
    @Override
    void give(UffdOps ops, long address, long bytes) {
      ops.fill(address, ops.layout().fileOffsetOf(address), bytes);
      ops.resume(address, bytes);
    }
  };

  /**
   * Gives the pages of a range that lies in one region.
   *
   * @throws UffdCallException at the first page that is there already, what comes before it done
   */
  abstract void give(UffdOps ops, long address, long bytes);

  /** The page that a fault is about. */
  void give(UffdOps ops, PageFault fault) {
    if (this == CONTINUE && fault.kind() == PageFault.Kind.MINOR) {
      ops.resume(fault.address(), ops.layout().pageBytes());
    } else {
      give(ops, fault.address(), ops.layout().pageBytes());
    }
  }
}
