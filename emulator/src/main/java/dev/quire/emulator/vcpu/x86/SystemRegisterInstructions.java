package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.exec.X86Core;
import dev.quire.mmu.Access;
import dev.quire.mmu.x86.X86Mmu;

/**
 * MOV CR, LMSW, CLTS, RDMSR, WRMSR, INVLPG and INVPCID: the units judge, the MMU takes the value
 * and does the invalidations, the core gets what the MMU then holds. Each returns a {@link
 * UnitStatus}.
 */
public final class SystemRegisterInstructions {
  private static final long LOW_32 = 0xffff_ffffL;
  private static final int CR8 = 8;
  private static final int LMSW_BYTES = 2;

  private final X86Core core;
  private final X86Mmu mmu;
  private final LinearMemory memory;
  private final ModelSpecificRegisters msrs;
  private final ControlRegisterUnit controls;
  private final InvalidationUnit invalidations;

  public SystemRegisterInstructions(
      X86Core core, X86Mmu mmu, LinearMemory memory, ModelSpecificRegisters msrs) {
    this.core = core;
    this.mmu = mmu;
    this.memory = memory;
    this.msrs = msrs;
    this.controls = new ControlRegisterUnit(core);
    this.invalidations = new InvalidationUnit(core, memory);
  }

  int readMsr() {
    if (core.cpl() != 0) {
      return X86Vector.GENERAL_PROTECTION;
    }
    int status = msrs.read((int) core.gpr(X86Core.RCX));
    if (status == UnitStatus.OK) {
      core.setGpr(X86Core.RAX, msrs.value() & LOW_32);
      core.setGpr(X86Core.RDX, msrs.value() >>> 32);
    }
    return status;
  }

  int writeMsr() {
    if (core.cpl() != 0) {
      return X86Vector.GENERAL_PROTECTION;
    }
    long value = core.gpr(X86Core.RDX) << 32 | core.gpr(X86Core.RAX) & LOW_32;
    return msrs.write((int) core.gpr(X86Core.RCX), value);
  }

  int moveToCr(X86Instruction instruction) {
    int status = controls.checkMove(instruction.reg());
    if (status != UnitStatus.OK) {
      return status;
    }
    long source = core.gpr(instruction.rm());
    long value = instruction.mode().addressBytes() == Long.BYTES ? source : source & LOW_32;
    return switch (instruction.reg()) {
      case 0 -> writeCr0(value);
      case 2 -> {
        core.setCr2(value);
        yield UnitStatus.OK;
      }
      case 3 -> load(X86HostInstructions.statusOf(mmu.control().writeCr3(value)));
      case 4 -> load(X86HostInstructions.statusOf(mmu.control().writeCr4(value)));
      default -> writeCr8(value);
    };
  }

  private int writeCr0(long value) {
    int status = controls.checkCr0(value);
    return status == UnitStatus.OK
        ? load(X86HostInstructions.statusOf(mmu.control().writeCr0(value)))
        : status;
  }

  private int writeCr8(long value) {
    if (!ControlRegisterUnit.isLegalCr8(value)) {
      return X86Vector.GENERAL_PROTECTION;
    }
    core.setCr8(value);
    return UnitStatus.OK;
  }

  int moveFromCr(X86Instruction instruction) {
    int status = controls.checkMove(instruction.reg());
    if (status != UnitStatus.OK) {
      return status;
    }
    long value =
        switch (instruction.reg()) {
          case 0 -> core.cr0();
          case 2 -> core.cr2();
          case 3 -> core.cr3();
          case 4 -> core.cr4();
          case CR8 -> core.cr8();
          default -> throw new IllegalStateException("checked: CR" + instruction.reg());
        };
    core.setGpr(instruction.rm(), value);
    return UnitStatus.OK;
  }

  int lmsw(X86Instruction instruction) {
    long source;
    if (instruction.isRegisterForm()) {
      source = core.gpr(instruction.rm());
    } else {
      int status = readOperand(instruction, LMSW_BYTES);
      if (status != UnitStatus.OK) {
        return status;
      }
      source = memory.value();
    }
    return writeCr0(ControlRegisterUnit.lmsw(core.cr0(), source));
  }

  private int readOperand(X86Instruction instruction, int bytes) {
    int privilege = core.cpl() == 3 ? Access.USER : 0;
    long linear = instruction.effectiveAddress(core, core.rip());
    return UnitStatus.of(memory.read(linear, bytes, privilege));
  }

  int clts() {
    return writeCr0(ControlRegisterUnit.clts(core.cr0()));
  }

  int invlpg(X86Instruction instruction) {
    int status = invalidations.checkPrivilege();
    if (status == UnitStatus.OK) {
      mmu.invlpg(instruction.effectiveAddress(core, core.rip()));
    }
    return status;
  }

  int invpcid(X86Instruction instruction) {
    if (instruction.isRegisterForm()) {
      return X86Vector.INVALID_OPCODE;
    }
    int status = invalidations.checkPrivilege();
    if (status != UnitStatus.OK) {
      return status;
    }
    long type = core.gpr(instruction.reg());
    long operand = instruction.effectiveAddress(core, core.rip());
    status = invalidations.readDescriptor(operand, instruction.segment() == X86Core.SS);
    return status != UnitStatus.OK
        ? status
        : X86HostInstructions.statusOf(
            mmu.invpcid(type, invalidations.pcidWord(), invalidations.linearAddress()));
  }

  /** Gives the core what the MMU holds after a successful write. */
  private int load(int status) {
    if (status == UnitStatus.OK) {
      core.loadControlRegisters(mmu.registers());
    }
    return status;
  }
}
