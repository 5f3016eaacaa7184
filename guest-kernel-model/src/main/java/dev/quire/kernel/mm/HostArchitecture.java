package dev.quire.kernel.mm;

/** The architecture of a host kernel: it decides which pages that kernel can back a guest with. */
public enum HostArchitecture {
  X86_64("x86_64"),
  ARM64("arm64");

  private final String text;

  HostArchitecture(String text) {
    this.text = text;
  }

  /** As the command line spells it. */
  @Override
  public String toString() {
    return text;
  }
}
