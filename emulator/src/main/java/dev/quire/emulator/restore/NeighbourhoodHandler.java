package dev.quire.emulator.restore;

/** Gives the aligned block around each page asked for: fault-around by the handler. */
public final class NeighbourhoodHandler implements UffdHandler {
  private final PageAnswer answer;
  private final int pages;
  private Populated populated;

  /**
   * @param pages of a block, a power of two
   */
  public NeighbourhoodHandler(PageAnswer answer, int pages) {
    if (Integer.bitCount(pages) != 1) {
      throw new IllegalArgumentException(
          "a block of " + pages + " pages: choose a power of two from 1 on");
    }
    this.answer = answer;
    this.pages = pages;
  }

  @Override
  public String name() {
    return "block:" + pages;
  }

  @Override
  public void open(UffdOps ops) {
    populated = new Populated(ops.layout());
  }

  @Override
  public void fault(PageFault fault, UffdOps ops) {
    GuestLayout.Region region = ops.layout().at(fault.address());
    long blockBytes = pages * ops.layout().pageBytes();
    long within = (fault.address() - region.address()) / blockBytes * blockBytes;
    long bytes = Math.min(blockBytes, region.bytes() - within);
    if (populated.holds(fault.address())) {
      // Given, and gone again since.
      answer.give(ops, fault);
      return;
    }
    populated.giveMissing(answer, ops, region.address() + within, bytes);
  }
}
