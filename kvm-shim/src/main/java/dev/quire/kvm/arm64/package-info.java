/**
 * An arm64 host of KVM with VHE (Linux v6.18 arch/arm64/kvm): vCPU registers by KVM_GET_ONE_REG,
 * KVM_RUN, PSCI, timers, the vGICv2.
 */
package dev.quire.kvm.arm64;
