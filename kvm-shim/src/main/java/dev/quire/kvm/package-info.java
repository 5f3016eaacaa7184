/**
 * The KVM service: what {@code /dev/kvm} answers, answered by Quire. Rooms:
 *
 * <ul>
 *   <li>{@code abi}: numbers and layouts of the kernel's structures (linux/kvm.h, asm/kvm.h);
 *   <li>{@code fd}: open file descriptions, who calls them and with what memory;
 *   <li>{@code vm}: {@code /dev/kvm} itself, and a VM without its architecture: slots, dirty pages,
 *       guest_memfd, attributes, statistics; the ports an architecture fills in;
 *   <li>{@code x86}, {@code arm64}: the architectures: vCPU state, KVM_RUN, interrupt controllers;
 *   <li>{@code host}: the modelled host a VM stands on;
 *   <li>{@code wire}, {@code server}, {@code client}: the protocol, who serves and who speaks it.
 * </ul>
 */
package dev.quire.kvm;
