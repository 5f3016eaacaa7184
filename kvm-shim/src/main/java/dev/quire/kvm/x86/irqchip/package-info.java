/**
 * The interrupt controllers that KVM_CREATE_IRQCHIP puts into the kernel: the devices of the
 * emulator's PC behind KVM's calls (Linux v6.18 arch/x86/kvm/irq.c, i8259.c, ioapic.c, lapic.c,
 * i8254.c).
 */
package dev.quire.kvm.x86.irqchip;
