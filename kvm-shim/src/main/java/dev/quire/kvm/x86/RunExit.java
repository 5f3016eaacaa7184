package dev.quire.kvm.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86Engine;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.kvm.abi.KvmRun;
import java.util.function.BooleanSupplier;

/**
 * How a KVM_RUN under way ends, and what the next one has to finish first
 * (vcpu->arch.complete_userspace_io). VM thread only.
 */
final class RunExit {
  private static final int LONGEST_INSTRUCTION = 15;

  /** VMX's exit reason for what KVM emulates: an EPT violation, an EPT misconfiguration. */
  private static final int EPT_MISCONFIG = 49;

  private final KvmRun run;
  private final byte[] instruction = new byte[LONGEST_INSTRUCTION];
  private BooleanSupplier completion;

  RunExit(KvmRun run) {
    this.run = run;
  }

  KvmRun run() {
    return run;
  }

  /**
   * Names what the next KVM_RUN does before anything else.
   *
   * @param what answers whether the guest goes on; else it has written the next exit
   */
  void completeBy(BooleanSupplier what) {
    completion = what;
  }

  /** What is to be finished, once; null if nothing is. */
  BooleanSupplier takeCompletion() {
    BooleanSupplier what = completion;
    completion = null;
    return what;
  }

  /** The instruction at the program counter cannot be emulated (CPL 0, or told to exit always). */
  VcpuExit emulationFailure(X86Engine engine) {
    X86Instruction current = engine.code().current();
    int length = engine.code().copyCurrent(current, instruction);
    run.exitEmulationFailure(instruction, length, new long[] {EPT_MISCONFIG, 0, 0, 0, 0});
    return VcpuExit.CLIENT;
  }

  /** KVM_EXIT_DEBUG. */
  VcpuExit debug(int exception, X86Core core, long dr6, long dr7) {
    run.exitDebug(exception, core.linearPc(), dr6, dr7);
    return VcpuExit.CLIENT;
  }
}
