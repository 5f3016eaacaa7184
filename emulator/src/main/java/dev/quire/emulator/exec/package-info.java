/**
 * The execution engine: Unicorn executes the guest's instructions, this package makes it stop
 * exactly, count exactly and ask the Java MMU for every translation. It knows no device and
 * resolves no fault: it reports an {@link dev.quire.emulator.exec.EngineExit} to the vCPU loop,
 * which sees a processor between two instructions as {@link dev.quire.emulator.exec.X86CpuState} or
 * {@link dev.quire.emulator.exec.Arm64CpuState}.
 */
package dev.quire.emulator.exec;
