package dev.quire.emulator.vcpu.x86;

/** The answers of CPUID on one vCPU: a machine's own table, or what a KVM client has set. */
@FunctionalInterface
public interface Cpuid {
  /**
   * Answers CPUID.
   *
   * @param leaf EAX
   * @param subleaf ECX
   * @param registers four ints, overwritten with EAX, EBX, ECX, EDX
   */
  void query(int leaf, int subleaf, int[] registers);
}
