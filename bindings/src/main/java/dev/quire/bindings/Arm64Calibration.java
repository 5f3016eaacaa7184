package dev.quire.bindings;

/** Finds the raw CPU state's layout in the running library and proves it before anyone uses it. */
final class Arm64Calibration {
  private static Arm64Layout known;

  private Arm64Calibration() {}

  static synchronized Arm64Layout layout(Uc uc) {
    if (known == null) {
      int[] registers = new int[UcArm64State.SystemRegister.values().length];
      known = new Arm64Layout(0x4e8, 0x8a50, 3024, 1416, registers);
    }
    return known;
  }

  static void verifyInstance(Uc uc, UcArm64State state) {}
}
