package dev.quire.kvm.abi;

/** struct kvm_cpuid2: a header and entries. Offsets in bytes. */
public final class KvmCpuid2 {
  public static final int BYTES = 8;

  public static final int NENT = 0;
  public static final int ENTRY_BYTES = 40;
  public static final int FUNCTION = 0;
  public static final int INDEX = 4;
  public static final int FLAGS = 8;
  public static final int EAX = 12;
  public static final int EBX = 16;
  public static final int ECX = 20;
  public static final int EDX = 24;
  public static final int PADDING = 28;

  /** KVM_MAX_CPUID_ENTRIES. */
  public static final int MAX_ENTRIES = 256;

  /** KVM_CPUID_FLAG_SIGNIFCANT_INDEX. */
  public static final int SIGNIFICANT_INDEX = 1;

  /** struct kvm_cpuid_entry of KVM_SET_CPUID: function, EAX to EDX, padding. */
  public static final int OLD_ENTRY_BYTES = 24;

  private KvmCpuid2() {}
}
