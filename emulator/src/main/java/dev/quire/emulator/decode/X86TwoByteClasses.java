package dev.quire.emulator.decode;

/** Classes of the opcodes behind 0F (SDM vol. 2, table A-3 and groups 6 to 9 of table A-6). */
final class X86TwoByteClasses {
  private X86TwoByteClasses() {}

  static X86InstructionClass of(X86Instruction in) {
    return switch (in.opcode) {
      case 0x00 -> segmentGroup(in.digit());
      case 0x01 -> in.isRegisterForm() ? systemRegisterForm(in) : systemGroup(in.digit());
      case 0x05 -> X86InstructionClass.SYSCALL;
      case 0x06 -> X86InstructionClass.CLTS;
      case 0x07 -> X86InstructionClass.SYSRET;
      case 0x08 -> X86InstructionClass.INVD;
      case 0x09 -> X86InstructionClass.WBINVD;
      case 0x0b, 0xb9, 0xff -> X86InstructionClass.UNDEFINED;
      case 0x20 -> X86InstructionClass.MOV_FROM_CR;
      case 0x21 -> X86InstructionClass.MOV_FROM_DR;
      case 0x22 -> X86InstructionClass.MOV_TO_CR;
      case 0x23 -> X86InstructionClass.MOV_TO_DR;
      case 0x30 -> X86InstructionClass.WRMSR;
      case 0x31 -> X86InstructionClass.RDTSC;
      case 0x32 -> X86InstructionClass.RDMSR;
      case 0x33 -> X86InstructionClass.RDPMC;
      case 0x34 -> X86InstructionClass.SYSENTER;
      case 0x35 -> X86InstructionClass.SYSEXIT;
      case 0x78, 0x79 ->
          in.prefix == X86OpcodeMaps.NO_PREFIX
              ? X86InstructionClass.VMX
              : X86InstructionClass.ORDINARY;
      case 0xa2 -> X86InstructionClass.CPUID;
      case 0xaa -> X86InstructionClass.RSM;
      case 0xb2, 0xb4, 0xb5 -> memoryOnly(in);
      case 0xba -> in.digit() < 4 ? X86InstructionClass.UNDEFINED : X86InstructionClass.ORDINARY;
      case 0xc7 -> exchangeGroup(in);
      default -> X86InstructionClass.ORDINARY;
    };
  }

  private static X86InstructionClass memoryOnly(X86Instruction in) {
    if (!in.addressed) {
      return X86InstructionClass.UNDEFINED;
    }
    return in.opcode == 0xb2 ? X86InstructionClass.LOAD_SS : X86InstructionClass.ORDINARY;
  }

  private static X86InstructionClass segmentGroup(int digit) {
    return switch (digit) {
      case 2 -> X86InstructionClass.LLDT;
      case 3 -> X86InstructionClass.LTR;
      case 6, 7 -> X86InstructionClass.UNDEFINED;
      default -> X86InstructionClass.ORDINARY;
    };
  }

  private static X86InstructionClass systemGroup(int digit) {
    return switch (digit) {
      case 2 -> X86InstructionClass.LGDT;
      case 3 -> X86InstructionClass.LIDT;
      case 4 -> X86InstructionClass.SMSW;
      case 5 -> X86InstructionClass.UNDEFINED;
      case 6 -> X86InstructionClass.LMSW;
      case 7 -> X86InstructionClass.INVLPG;
      default -> X86InstructionClass.ORDINARY;
    };
  }

  private static X86InstructionClass systemRegisterForm(X86Instruction in) {
    return switch (in.modrm) {
      case 0xc1 -> X86InstructionClass.VMCALL;
      case 0xc2, 0xc3, 0xc4, 0xd4 -> X86InstructionClass.VMX;
      case 0xc8, 0xfa -> X86InstructionClass.MONITOR;
      case 0xc9, 0xfb -> X86InstructionClass.MWAIT;
      case 0xd0 -> X86InstructionClass.XGETBV;
      case 0xd1 -> X86InstructionClass.XSETBV;
      case 0xd9 -> X86InstructionClass.VMMCALL;
      case 0xd8, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf -> X86InstructionClass.SVM;
      case 0xf8 -> X86InstructionClass.SWAPGS;
      case 0xf9 -> X86InstructionClass.RDTSCP;
      default ->
          switch (in.digit()) {
            case 4 -> X86InstructionClass.SMSW;
            case 6 -> X86InstructionClass.LMSW;
            default -> X86InstructionClass.ORDINARY;
          };
    };
  }

  private static X86InstructionClass exchangeGroup(X86Instruction in) {
    boolean vmx = in.addressed && in.digit() >= 6;
    if (vmx) {
      return X86InstructionClass.VMX;
    }
    if (!in.isRegisterForm()) {
      return X86InstructionClass.ORDINARY;
    }
    if (in.digit() < 6) {
      return X86InstructionClass.UNDEFINED;
    }
    boolean repeat = in.prefix == X86OpcodeMaps.PREFIX_F3 || in.prefix == X86OpcodeMaps.PREFIX_F2;
    return repeat ? X86InstructionClass.ORDINARY : X86InstructionClass.RANDOM;
  }
}
