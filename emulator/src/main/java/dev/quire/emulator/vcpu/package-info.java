/**
 * A vCPU: the one fault path from an engine's exit to the guest, to the host kernel model or to the
 * machine, and what each architecture adds to it.
 */
package dev.quire.emulator.vcpu;
