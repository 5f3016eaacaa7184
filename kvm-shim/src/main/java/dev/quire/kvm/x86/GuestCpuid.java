package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.Cpuid;

/** CPUID as the client has set it (KVM_SET_CPUID2). VM thread only. */
public final class GuestCpuid implements Cpuid {
  @Override
  public void query(int leaf, int subleaf, int[] registers) {
    java.util.Arrays.fill(registers, 0);
  }
}
