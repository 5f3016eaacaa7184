package dev.quire.bindings;

/** Unicorn's numbers that callers need: architectures, modes, CPU models and hook types. */
public final class UcConst {
  public static final int ARCH_ARM64 = 2;
  public static final int ARCH_X86 = 4;

  public static final int MODE_ARM = 0;
  public static final int MODE_16 = 2;
  public static final int MODE_32 = 4;
  public static final int MODE_64 = 8;

  public static final int CPU_X86_HASWELL = 19;
  public static final int CPU_X86_SKYLAKE_SERVER = 22;
  public static final int CPU_ARM64_MAX = 3;

  public static final int HOOK_INTR = 1;
  public static final int HOOK_INSN = 1 << 1;
  public static final int HOOK_CODE = 1 << 2;
  public static final int HOOK_BLOCK = 1 << 3;
  public static final int HOOK_MEM_UNMAPPED = 7 << 4;
  public static final int HOOK_MEM_PROT = 7 << 7;
  public static final int HOOK_MEM_READ = 1 << 10;
  public static final int HOOK_MEM_WRITE = 1 << 11;
  public static final int HOOK_INSN_INVALID = 1 << 14;
  public static final int HOOK_EDGE_GENERATED = 1 << 15;
  public static final int HOOK_TLB_FILL = 1 << 17;

  public static final int PERM_READ = 1;
  public static final int PERM_WRITE = 2;
  public static final int PERM_EXEC = 4;
  public static final int PERM_ALL = 7;

  static final int X86_INS_CPUID = 113;
  static final int X86_INS_IN = 218;
  static final int X86_INS_OUT = 500;
  static final int X86_INS_RDTSC = 608;
  static final int X86_INS_RDTSCP = 609;
  static final int X86_INS_SYSCALL = 699;
  static final int X86_INS_SYSENTER = 700;

  private UcConst() {}
}
