package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.vcpu.VcpuExit;

/**
 * Performs some of the instructions that reach the host in another way than {@link
 * X86HostInstructions} does: for a hypervisor whose client sees them. Machine thread only.
 */
public interface X86InstructionHandler {
  /** Where nothing is special. */
  X86InstructionHandler NONE =
      new X86InstructionHandler() {
        @Override
        public boolean performs(X86Instruction instruction) {
          return false;
        }

        @Override
        public VcpuExit perform(X86Instruction instruction) {
          throw new IllegalStateException("no instruction is special");
        }
      };

  /** Whether {@link #perform} takes this instruction, the one at the program counter. */
  boolean performs(X86Instruction instruction);

  /**
   * Performs the instruction at the program counter, or raises its exception.
   *
   * @param instruction valid until the core's code is read again
   * @return null when the guest goes on
   */
  VcpuExit perform(X86Instruction instruction);
}
