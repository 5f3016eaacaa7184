package dev.quire.emulator.restore;

/**
 * Gives each page when a vCPU asks for it, and between two of them some of the rest of memory, from
 * its start on, until all of it is there (the {@code fault_all} handler of Firecracker's tests,
 * which does it in one go).
 */
public final class FaultAllHandler implements UffdHandler {
  private final PageAnswer answer;
  private final long blockPages;
  private Populated populated;
  private int region;
  private long done;

  /**
   * @param blockPages populated after each fault; {@link Long#MAX_VALUE} for all at the first
   */
  public FaultAllHandler(PageAnswer answer, long blockPages) {
    if (blockPages < 1) {
      throw new IllegalArgumentException("blocks of " + blockPages + " pages: 1 or more");
    }
    this.answer = answer;
    this.blockPages = blockPages;
  }

  @Override
  public String name() {
    return blockPages == Long.MAX_VALUE ? "fault-all" : "fault-all:" + blockPages;
  }

  @Override
  public void open(UffdOps ops) {
    populated = new Populated(ops.layout());
  }

  @Override
  public void fault(PageFault fault, UffdOps ops) {
    answer.give(ops, fault);
    populated.add(fault.address(), ops.layout().pageBytes());
  }

  @Override
  public void idle(UffdOps ops) {
    GuestLayout layout = ops.layout();
    long left = blockPages;
    while (left > 0 && region < layout.regions().size()) {
      GuestLayout.Region next = layout.regions().get(region);
      long pages = Math.min(left, (next.bytes() - done) / layout.pageBytes());
      long bytes = pages * layout.pageBytes();
      populated.giveMissing(answer, ops, next.address() + done, bytes);
      left -= pages;
      done += bytes;
      if (done == next.bytes()) {
        region++;
        done = 0;
      }
    }
  }
}
