package dev.quire.emulator.restore;

import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;

/** What every shipped strategy is beside its way: a name, its usual pages, and what is legal. */
abstract class LegalPagesStrategy implements RestoreStrategy {
  private final LegalPages legal;
  private final String usualPages;

  LegalPagesStrategy(String usualPages, LegalPages legal) {
    this.usualPages = usualPages;
    this.legal = legal;
  }

  @Override
  public final String name() {
    return legal.strategy();
  }

  @Override
  public final HostPagePolicy usualPages() {
    return HostPagePolicy.parse(usualPages);
  }

  @Override
  public void check(HostPagePolicy pages, KernelProfile kernel) {
    legal.require(pages);
  }
}
