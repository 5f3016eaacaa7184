/**
 * Instruction decoding without execution: what an x86 or A64 instruction would access, how long it
 * is, and whether it is one the virtual machine must look at.
 *
 * <p>Nothing here executes or translates anything; registers come through the ports {@link
 * dev.quire.emulator.decode.X86RegisterView} and {@link
 * dev.quire.emulator.decode.Arm64RegisterView}.
 */
package dev.quire.emulator.decode;
