package dev.quire.emulator.restore;

/** Notes which pages are asked for, and leaves the answers to another handler. */
public final class RecordingHandler implements UffdHandler {
  private final UffdHandler inner;
  private final WorkingSet workingSet;

  /**
   * @param workingSet grows as pages are asked for, in their order
   */
  public RecordingHandler(UffdHandler inner, WorkingSet workingSet) {
    this.inner = inner;
    this.workingSet = workingSet;
  }

  @Override
  public String name() {
    return "record, " + inner.name();
  }

  @Override
  public void open(UffdOps ops) throws Exception {
    inner.open(ops);
  }

  @Override
  public void fault(PageFault fault, UffdOps ops) throws Exception {
    workingSet.add(fault.gpa());
    inner.fault(fault, ops);
  }

  @Override
  public void idle(UffdOps ops) throws Exception {
    inner.idle(ops);
  }

  @Override
  public void close() throws Exception {
    inner.close();
  }
}
