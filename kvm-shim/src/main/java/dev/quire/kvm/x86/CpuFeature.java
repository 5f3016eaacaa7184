package dev.quire.kvm.x86;

/** Features of CPUID that KVM's rules ask for, and where they stand (SDM vol. 2A, CPUID). */
enum CpuFeature {
  SSE3(1, CpuidEntry.ECX, 0),
  MWAIT(1, CpuidEntry.ECX, 3),
  PCID(1, CpuidEntry.ECX, 17),
  X2APIC(1, CpuidEntry.ECX, 21),
  TSC_DEADLINE(1, CpuidEntry.ECX, 24),
  OSXSAVE(1, CpuidEntry.ECX, 27),
  APIC(1, CpuidEntry.EDX, 9),
  FSGSBASE(7, CpuidEntry.EBX, 0),
  TSC_ADJUST(7, CpuidEntry.EBX, 1),
  SMEP(7, CpuidEntry.EBX, 7),
  SMAP(7, CpuidEntry.EBX, 20),
  OSPKE(7, CpuidEntry.ECX, 4),
  LA57(7, CpuidEntry.ECX, 16),
  RDPID(7, CpuidEntry.ECX, 22),
  ARCH_CAPABILITIES(7, CpuidEntry.EDX, 29),
  NX(0x8000_0001, CpuidEntry.EDX, 20),
  RDTSCP(0x8000_0001, CpuidEntry.EDX, 27),
  LM(0x8000_0001, CpuidEntry.EDX, 29);

  final int function;
  final int register;
  final int mask;

  CpuFeature(int function, int register, int bit) {
    this.function = function;
    this.register = register;
    this.mask = 1 << bit;
  }
}
