package dev.quire.emulator.restore;

import dev.quire.kernel.mm.HostMemoryKind;

/**
 * A private mapping of the memory file is guest memory: reads fault in pages of the page cache,
 * read ahead and mapped around, writes copy them. Nothing is done before the guest runs, whatever
 * the size of its memory.
 */
final class Demand extends LegalPagesStrategy {
  static final String NAME = "demand";
  private static final LegalPages LEGAL =
      new LegalPages(
          NAME,
          "a private mapping of an ordinary file has the page cache's pages and no others (huge"
              + " pages want userfaultfd: uffd-copy)",
          HostMemoryKind.ANONYMOUS);

  Demand() {
    super("4k", LEGAL);
  }

  @Override
  public boolean readsAll() {
    return false;
  }

  @Override
  public UffdService load(RestoreHost host) {
    host.backBySnapshot();
    return null;
  }
}
