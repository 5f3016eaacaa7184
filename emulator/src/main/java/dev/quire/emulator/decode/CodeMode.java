package dev.quire.emulator.decode;

/**
 * The default operand and address size of x86 code: 64-bit mode (CS.L), or CS.D set or clear. Real
 * mode decodes as {@link #BITS_16}.
 */
public enum CodeMode {
  BITS_16(2),
  BITS_32(4),
  BITS_64(8);

  private final int addressBytes;

  CodeMode(int addressBytes) {
    this.addressBytes = addressBytes;
  }

  /** Default address size, which is the width of the instruction pointer too. */
  public int addressBytes() {
    return addressBytes;
  }
}
