package dev.quire.emulator.restore;

/**
 * Gives a recorded working set before the guest runs, and what is asked for besides on demand
 * (REAP, ASPLOS 2021).
 */
public final class PrefetchHandler implements UffdHandler {
  private final PageAnswer answer;
  private final WorkingSet workingSet;
  private Populated populated;

  public PrefetchHandler(PageAnswer answer, WorkingSet workingSet) {
    this.answer = answer;
    this.workingSet = workingSet;
  }

  @Override
  public String name() {
    return "prefetch";
  }

  /** Neighbours in the working set's order of addresses go in one call. */
  @Override
  public void open(UffdOps ops) {
    GuestLayout layout = ops.layout();
    populated = new Populated(layout);
    long[] gpas = workingSet.sorted();
    int from = 0;
    while (from < gpas.length) {
      long address = layout.addressOf(gpas[from]);
      int to = from + 1;
      while (to < gpas.length
          && layout.addressOf(gpas[to]) == address + (to - from) * layout.pageBytes()
          && layout.at(address).holds(layout.addressOf(gpas[to]))) {
        to++;
      }
      populated.giveMissing(answer, ops, address, (to - from) * layout.pageBytes());
      from = to;
    }
  }

  @Override
  public void fault(PageFault fault, UffdOps ops) {
    answer.give(ops, fault);
  }
}
