package dev.quire.kvm.abi;

/** struct kvm_sregs, and kvm_sregs2, which ends differently. Offsets in bytes. */
public final class KvmSregs {
  public static final int BYTES = 312;

  public static final int SREGS2_BYTES = 320;
  public static final int CS = 0;
  public static final int DS = 24;
  public static final int ES = 48;
  public static final int FS = 72;
  public static final int GS = 96;
  public static final int SS = 120;
  public static final int TR = 144;
  public static final int LDT = 168;

  /** struct kvm_dtable: base, and a 16-bit limit 8 bytes on. */
  public static final int GDT = 192;

  public static final int IDT = 208;
  public static final int CR0 = 224;
  public static final int CR2 = 232;
  public static final int CR3 = 240;
  public static final int CR4 = 248;
  public static final int CR8 = 256;
  public static final int EFER = 264;
  public static final int APIC_BASE = 272;

  /** kvm_sregs only: 256 bits. */
  public static final int INTERRUPT_BITMAP = 280;

  /** kvm_sregs2 only. */
  public static final int FLAGS = 280;

  /** kvm_sregs2 only. */
  public static final int PDPTRS = 288;

  /** KVM_SREGS2_FLAGS_PDPTRS_VALID. */
  public static final int PDPTRS_VALID = 1;

  private KvmSregs() {}
}
