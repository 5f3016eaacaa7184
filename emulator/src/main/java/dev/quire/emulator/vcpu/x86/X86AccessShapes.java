package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.AccessKind;
import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.emulator.vcpu.AccessShape;

/** Finds which operand of an instruction a fault was about, and how much of it lies in the page. */
final class X86AccessShapes {
  // Operands in memory that an instruction may have, in the order in which they are looked at.
  private static final int EXPLICIT = 0;
  private static final int STRING_DESTINATION = 1;
  private static final int STRING_SOURCE = 2;
  private static final int OPERANDS = 4;

  private X86AccessShapes() {}

  /** The operand that the fault was about; {@link AccessShape#UNKNOWN} if none is there. */
  static long of(X86Instruction insn, X86RegisterView registers, long rip, long faultVa) {
    int operand = faulting(insn, registers, rip, faultVa);
    if (operand == OPERANDS) {
      return AccessShape.UNKNOWN;
    }
    AccessKind kind = kind(insn, operand);
    long va = address(insn, operand, registers, rip);
    return AccessShape.inFaultingPage(
        va, bytes(insn, operand), faultVa, kind != AccessKind.WRITE, kind.faultsAsWrite());
  }

  /** Another operand in the fault's page, with its offset there. */
  static long other(X86Instruction insn, X86RegisterView registers, long rip, long faultVa) {
    int faulting = faulting(insn, registers, rip, faultVa);
    for (int operand = 0; operand < OPERANDS; operand++) {
      AccessKind kind = kind(insn, operand);
      if (kind == AccessKind.NONE || operand == faulting) {
        continue;
      }
      long va = address(insn, operand, registers, rip);
      long shape =
          AccessShape.inPage(
              va, bytes(insn, operand), faultVa, kind != AccessKind.WRITE, kind.faultsAsWrite());
      if (shape != AccessShape.UNKNOWN) {
        return shape;
      }
    }
    return AccessShape.UNKNOWN;
  }

  private static int faulting(
      X86Instruction insn, X86RegisterView registers, long rip, long faultVa) {
    for (int operand = 0; operand < OPERANDS; operand++) {
      if (kind(insn, operand) != AccessKind.NONE) {
        long distance = faultVa - address(insn, operand, registers, rip);
        if (distance >= 0 && distance < bytes(insn, operand)) {
          return operand;
        }
      }
    }
    return OPERANDS;
  }

  private static AccessKind kind(X86Instruction insn, int operand) {
    return switch (operand) {
      case EXPLICIT -> insn.memoryKind();
      case STRING_DESTINATION -> insn.stringDestinationKind();
      case STRING_SOURCE -> insn.readsStringSource() ? AccessKind.READ : AccessKind.NONE;
      default -> insn.stackKind();
    };
  }

  private static long address(
      X86Instruction insn, int operand, X86RegisterView registers, long rip) {
    return switch (operand) {
      case EXPLICIT -> insn.effectiveAddress(registers, rip);
      case STRING_DESTINATION -> insn.stringDestinationAddress(registers);
      case STRING_SOURCE -> insn.stringSourceAddress(registers);
      default -> insn.stackAddress(registers);
    };
  }

  private static int bytes(X86Instruction insn, int operand) {
    return switch (operand) {
      case EXPLICIT -> insn.memoryBytes();
      case STRING_DESTINATION, STRING_SOURCE -> insn.elementBytes();
      default -> insn.stackBytes();
    };
  }
}
