/**
 * The KVM-like ioctl surface. Empty until the issue KVM: the emulator's {@code VcpuExit} is the
 * seam it will serve.
 */
package dev.quire.kvm;
