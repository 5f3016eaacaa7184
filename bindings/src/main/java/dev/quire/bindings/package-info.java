/**
 * The only code that crosses into native: Unicorn, Capstone, memory and machine code of the host.
 *
 * <p>To read it: {@link dev.quire.bindings.NativeLibraries} finds the libraries, {@code
 * NativeCalls} is the one door to the JVM's linker, {@code UcApi} the C functions. {@link
 * dev.quire.bindings.Uc} is a CPU core, {@link dev.quire.bindings.UcRegisters} its registers by
 * Unicorn's numbers, {@link dev.quire.bindings.UcHooks} its callbacks ({@code Upcalls} their Java
 * ends). {@link dev.quire.bindings.UcX86State} and {@link dev.quire.bindings.UcArm64State} are its
 * raw registers, whose places {@code X86Calibration} and {@code Arm64Calibration} find and prove in
 * the running library. {@link dev.quire.bindings.BlockCounter} counts instructions by a {@link
 * dev.quire.bindings.NativeStub}, assembled from src/main/asm. {@link dev.quire.bindings.Capstone}
 * disassembles for reports.
 *
 * <p>A comment that begins with NATIVE says why a crossing is safe: lifetime, thread, and what may
 * not throw.
 */
package dev.quire.bindings;
