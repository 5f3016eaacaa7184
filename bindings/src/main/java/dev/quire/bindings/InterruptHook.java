package dev.quire.bindings;

/** Called for exceptions and software interrupts (UC_HOOK_INTR). */
@FunctionalInterface
public interface InterruptHook {
  /**
   * @param number the vector on x86 (0x100 + exit code for an SVM intercept), QEMU's EXCP number on
   *     arm64
   */
  void interrupt(int number);
}
