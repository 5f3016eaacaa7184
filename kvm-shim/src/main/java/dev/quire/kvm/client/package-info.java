/**
 * A client of the KVM service in Java: {@link dev.quire.kvm.client.Kvm} opens it, a {@link
 * dev.quire.kvm.client.Vm} has memory and vCPUs, {@link dev.quire.kvm.client.Vcpu#run} ends with a
 * {@link dev.quire.kvm.client.VcpuExit}.
 */
package dev.quire.kvm.client;
