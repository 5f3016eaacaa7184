/** KVM's x86-64 side: VMs, vCPUs, their state and KVM_RUN. */
package dev.quire.kvm.x86;
