package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.X86CpuState;
import dev.quire.mmu.Access;

/**
 * What the three ways of delivering an event share: the event, the fault a failed attempt ended
 * with, and accesses that turn a memory status into one. Reused for every event of one vCPU.
 */
final class DeliveryContext {
  static final int OK = 0;

  /** The attempt raised an exception: {@link #faultVector} and the other fault fields tell. */
  static final int FAULT = 1;

  static final int NEEDS_HOST = 2;

  final X86CpuState state;
  final LinearMemory memory;

  int vector;
  boolean hasErrorCode;
  int errorCode;
  boolean checksGateDpl;
  boolean intN;
  int extBit;
  long returnRip;
  long pushedFlags;

  int faultVector;
  int faultErrorCode;
  long faultCr2;

  /** The last value read. */
  long value;

  DeliveryContext(X86CpuState state, LinearMemory memory) {
    this.state = state;
    this.memory = memory;
  }

  int fault(int vector, int errorCode) {
    faultVector = vector;
    faultErrorCode = errorCode;
    return FAULT;
  }

  /** A fault whose error code names a selector, or is only the EXT bit for a null one. */
  int selectorFault(int vector, int selector) {
    return fault(vector, selector & 0xfffc | extBit);
  }

  /** A fault whose error code names the event's IDT entry (SDM vol. 3A, figure 6-7). */
  int gateFault(int vector) {
    return fault(vector, this.vector << 3 | 2 | extBit);
  }

  /** An implicit supervisor read of a system table into {@link #value}. */
  int readTable(long linear, int bytes) {
    return taken(memory.read(linear, bytes, Access.IMPLICIT), X86Vector.GENERAL_PROTECTION);
  }

  int probeTable(long linear, int bytes) {
    int status = memory.probeWrite(linear, bytes, Access.IMPLICIT);
    return taken(status, X86Vector.GENERAL_PROTECTION);
  }

  int writeTable(long linear, int bytes, long value) {
    int status = memory.write(linear, bytes, value, Access.IMPLICIT);
    return taken(status, X86Vector.GENERAL_PROTECTION);
  }

  int probeStack(long linear, int bytes, int access) {
    return taken(memory.probeWrite(linear, bytes, access), X86Vector.STACK_FAULT);
  }

  int writeStack(long linear, int bytes, long value, int access) {
    return taken(memory.write(linear, bytes, value, access), X86Vector.STACK_FAULT);
  }

  private int taken(int status, int nonCanonicalVector) {
    return switch (status) {
      case LinearMemory.OK -> {
        value = memory.value();
        yield OK;
      }
      case LinearMemory.NEEDS_HOST -> NEEDS_HOST;
      case LinearMemory.PAGE_FAULT -> {
        faultCr2 = memory.cr2();
        yield fault(X86Vector.PAGE_FAULT, memory.pageFaultErrorCode());
      }
      default -> fault(nonCanonicalVector, extBit);
    };
  }

  /**
   * How the stack is accessed at the new privilege level. With SMAP an explicit supervisor access
   * may touch user pages only if AC was set by supervisor code; an event out of user mode must not
   * profit from the user's AC (QEMU, cpu_mmu_index_kernel).
   */
  int stackAccess(int newCpl) {
    if (newCpl == 3) {
      return Access.USER;
    }
    boolean allowed = state.cpl() < 3 && (state.rflags() & X86Flags.RFLAGS_AC) != 0;
    return allowed ? Access.USER_DATA_ALLOWED : 0;
  }
}
