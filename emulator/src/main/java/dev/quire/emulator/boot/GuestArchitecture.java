package dev.quire.emulator.boot;

/** The architectures of guests, by their names on the command line. */
public enum GuestArchitecture {
  X86_64("x86_64"),
  ARM64("arm64");

  private final String label;

  GuestArchitecture(String label) {
    this.label = label;
  }

  /** The architecture with this name, or null. */
  public static GuestArchitecture named(String label) {
    for (GuestArchitecture architecture : values()) {
      if (architecture.label.equals(label)) {
        return architecture;
      }
    }
    return null;
  }

  @Override
  public String toString() {
    return label;
  }
}
