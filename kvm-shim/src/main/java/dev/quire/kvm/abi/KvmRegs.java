package dev.quire.kvm.abi;

/** struct kvm_regs: 64-bit registers in an order of its own. Offsets in bytes. */
public final class KvmRegs {
  public static final int BYTES = 144;

  public static final int RIP = 128;
  public static final int RFLAGS = 136;

  private KvmRegs() {}

  /** Where a general register is, by its hardware number: 0 = RAX, 1 = RCX, 2 = RDX, 3 = RBX. */
  public static int general(int number) {
    return switch (number) {
      case 1 -> 16;
      case 2 -> 24;
      case 3 -> 8;
      case 4 -> 48;
      case 5 -> 56;
      case 6 -> 32;
      case 7 -> 40;
      default -> 8 * number;
    };
  }
}
