package dev.quire.kvm.arm64;

/**
 * Numbers of KVM_GET_ONE_REG (Linux v6.18 include/uapi/linux/kvm.h).
 *
 * <pre>
 *  63     60 59   56 55      52 51     28 27        16 15       0
 * |  arch   |       |  log2 of | zeros   | coprocessor| register |
 * |  6      |       |  bytes   |         |            |          |
 * </pre>
 */
final class OneReg {
  static final long ARM64 = 6L << 60;
  static final long CORE = 0x10L << 16;
  static final long DEMUX = 0x11L << 16;
  static final long SYSREG = 0x13L << 16;
  static final long FIRMWARE = 0x14L << 16;
  static final long FIRMWARE_BITMAP = 0x16L << 16;

  private static final long ARCH_MASK = 0xff00_0000_0000_0000L;
  private static final long COPROCESSOR_MASK = 0x0fff_0000L;
  private static final int SIZE_SHIFT = 52;
  private static final long RESERVED = 0x000f_ffff_f000_0000L;

  private OneReg() {}

  static boolean isArm64(long id) {
    return (id & ARCH_MASK) == ARM64 && (id & RESERVED) == 0;
  }

  static long coprocessor(long id) {
    return id & COPROCESSOR_MASK;
  }

  /** Bytes of the register, 1 to 2048. */
  static int bytes(long id) {
    return 1 << (int) (id >>> SIZE_SHIFT & 15);
  }

  static long size(int bytes) {
    return (long) Integer.numberOfTrailingZeros(bytes) << SIZE_SHIFT;
  }

  /** The number of a 64-bit system register. */
  static long of(int systemRegister) {
    return ARM64 | SYSREG | size(Long.BYTES) | systemRegister;
  }
}
