package dev.quire.emulator.decode;

/** The instructions a virtual machine must know one by one; everything else is ordinary. */
public enum X86InstructionClass {
  ORDINARY,
  /** Undefined by design or unknown: UD0, UD1, UD2, or an encoding without meaning. */
  UNDEFINED,
  IN,
  OUT,
  INS,
  OUTS,
  INVLPG,
  INVPCID,
  MOV_TO_CR,
  MOV_FROM_CR,
  MOV_TO_DR,
  MOV_FROM_DR,
  LMSW,
  SMSW,
  CLTS,
  HLT,
  RDMSR,
  WRMSR,
  CPUID,
  RDTSC,
  RDTSCP,
  RDPMC,
  SYSCALL,
  SYSRET,
  SYSENTER,
  SYSEXIT,
  IRET,
  INT_N,
  INT3,
  INTO,
  INT1,
  VMCALL,
  VMMCALL,
  /** VMXON, VMLAUNCH, VMREAD, INVEPT and the rest of Intel's virtualization. */
  VMX,
  /** VMRUN, VMLOAD, VMSAVE, STGI, CLGI, SKINIT, INVLPGA. */
  SVM,
  XSETBV,
  XGETBV,
  WBINVD,
  INVD,
  PAUSE,
  STI,
  CLI,
  PUSHF,
  POPF,
  LGDT,
  LIDT,
  LLDT,
  LTR,
  SWAPGS,
  MONITOR,
  MWAIT,
  /** MOV SS and POP SS: interrupts are held off for one instruction. */
  LOAD_SS,
  RSM,
  /** RDRAND and RDSEED. */
  RANDOM;

  /** This class as a bit of the masks of {@link X86BlockScanner#classes()}. */
  public long bit() {
    return 1L << ordinal();
  }
}
