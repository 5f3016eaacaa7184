package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.AccessKind;
import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.emulator.vcpu.AccessShape;

/** Finds which operand of an instruction a fault was about, and how much of it lies in the page. */
final class X86AccessShapes {
  private X86AccessShapes() {}

  static long of(X86Instruction insn, X86RegisterView registers, long rip, long faultVa) {
    if (insn.memoryKind() != AccessKind.NONE) {
      long va = insn.effectiveAddress(registers, rip);
      if (covers(va, insn.memoryBytes(), faultVa)) {
        return shape(insn.memoryKind(), va, insn.memoryBytes(), faultVa);
      }
    }
    if (insn.stringDestinationKind() != AccessKind.NONE) {
      long va = insn.stringDestinationAddress(registers);
      if (covers(va, insn.elementBytes(), faultVa)) {
        return shape(insn.stringDestinationKind(), va, insn.elementBytes(), faultVa);
      }
    }
    if (insn.readsStringSource()) {
      long va = insn.stringSourceAddress(registers);
      if (covers(va, insn.elementBytes(), faultVa)) {
        return shape(AccessKind.READ, va, insn.elementBytes(), faultVa);
      }
    }
    if (insn.stackKind() != AccessKind.NONE) {
      long va = insn.stackAddress(registers);
      if (covers(va, insn.stackBytes(), faultVa)) {
        return shape(insn.stackKind(), va, insn.stackBytes(), faultVa);
      }
    }
    return AccessShape.UNKNOWN;
  }

  private static boolean covers(long va, int bytes, long faultVa) {
    return faultVa - va >= 0 && faultVa - va < bytes;
  }

  private static long shape(AccessKind kind, long va, int bytes, long faultVa) {
    boolean reads = kind != AccessKind.WRITE;
    return AccessShape.inFaultingPage(va, bytes, faultVa, reads, kind.faultsAsWrite());
  }
}
