/**
 * guest_memfd: memory of guests as a file, filled by faults, fallocate or, where the design has it,
 * write. Source: Linux v6.18 virt/kvm/guest_memfd.c.
 */
package dev.quire.kernel.gmem;
