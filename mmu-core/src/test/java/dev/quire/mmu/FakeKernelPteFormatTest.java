package dev.quire.mmu;

class FakeKernelPteFormatTest extends KernelPteFormatContract {
  @Override
  protected KernelPteFormat format() {
    return new FakeKernelPteFormat();
  }
}
