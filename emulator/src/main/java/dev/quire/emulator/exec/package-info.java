/**
 * The execution engine: Unicorn executes the guest's instructions, this package makes it stop
 * exactly, count exactly and ask the Java MMU for every translation. It knows no device and
 * resolves no fault: it reports an {@link dev.quire.emulator.exec.EngineExit} to the vCPU loop.
 */
package dev.quire.emulator.exec;
