package dev.quire.emulator.restore;

/** Gives each page when a vCPU asks for it, and nothing else. */
public final class OnDemandHandler implements UffdHandler {
  private final PageAnswer answer;

  public OnDemandHandler(PageAnswer answer) {
    this.answer = answer;
  }

  @Override
  public String name() {
    return "on-demand";
  }

  @Override
  public void fault(PageFault fault, UffdOps ops) {
    answer.give(ops, fault);
  }
}
