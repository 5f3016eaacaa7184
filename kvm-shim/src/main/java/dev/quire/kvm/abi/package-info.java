/** Numbers and layouts of the kernel's interface, byte for byte (linux/kvm.h, asm/kvm.h). */
package dev.quire.kvm.abi;
