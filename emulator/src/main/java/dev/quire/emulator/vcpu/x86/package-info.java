/**
 * What an x86 processor does around the instructions the engine executes: delivering exceptions and
 * interrupts, SYSCALL and SYSENTER, I/O permission, model-specific registers, CPUID, the checks on
 * control registers and on INVPCID.
 *
 * <p>Each unit is a small class over the ports {@link dev.quire.emulator.exec.X86CpuState} and
 * {@link dev.quire.emulator.vcpu.x86.LinearMemory}; none knows the engine. Sections cited are those
 * of the Intel SDM, order number 325462-083 (March 2024), unless another source is named.
 */
package dev.quire.emulator.vcpu.x86;
