package dev.quire.emulator.device.arm64;

/**
 * PSCI 1.0 and the discovery part of SMCCC 1.1 (Arm DEN0022 and DEN0028): from function id and
 * arguments to a result, through {@link PsciHost}. It holds no state. The caller takes the
 * arguments from x0..x3 and puts the result into x0.
 */
public final class PsciHandler {
  public static final long SUCCESS = 0;
  public static final long NOT_SUPPORTED = -1;
  public static final long INVALID_PARAMETERS = -2;
  public static final long DENIED = -3;
  public static final long ALREADY_ON = -4;
  public static final long ON_PENDING = -5;
  public static final long INTERNAL_FAILURE = -6;
  public static final long INVALID_ADDRESS = -9;

  private static final int VERSION = 0x8400_0000;
  private static final int CPU_SUSPEND = 0x8400_0001;
  private static final int CPU_OFF = 0x8400_0002;
  private static final int CPU_ON = 0x8400_0003;
  private static final int AFFINITY_INFO = 0x8400_0004;
  private static final int MIGRATE_INFO_TYPE = 0x8400_0006;
  private static final int SYSTEM_OFF = 0x8400_0008;
  private static final int SYSTEM_RESET = 0x8400_0009;
  private static final int FEATURES = 0x8400_000a;
  private static final int SMCCC_VERSION = 0x8000_0000;
  private static final int SMCCC_ARCH_FEATURES = 0x8000_0001;
  private static final int SMC64 = 0x4000_0000;

  private static final long PSCI_1_0 = 0x1_0000;
  private static final long SMCCC_1_1 = 0x1_0001;
  private static final long NO_MIGRATION_NEEDED = 2;

  private final PsciHost host;

  public PsciHandler(PsciHost host) {
    this.host = host;
  }

  /**
   * Serves one HVC or SMC. A 32-bit function uses the low words of its arguments; a negative result
   * is sign-extended to 64 bits, as KVM returns it.
   */
  public long call(long x0, long x1, long x2, long x3) {
    int function = (int) x0;
    boolean wide = (function & SMC64) != 0;
    long a1 = wide ? x1 : x1 & 0xffff_ffffL;
    long a2 = wide ? x2 : x2 & 0xffff_ffffL;
    long a3 = wide ? x3 : x3 & 0xffff_ffffL;
    if (wide && !has64BitForm(function & ~SMC64)) {
      return NOT_SUPPORTED;
    }
    return switch (function & ~SMC64) {
      case VERSION -> PSCI_1_0;
      case CPU_SUSPEND -> host.cpuSuspend(x1 & 0xffff_ffffL, a2, a3);
      case CPU_OFF -> host.cpuOff();
      case CPU_ON -> host.cpuOn(a1, a2, a3);
      case AFFINITY_INFO -> host.affinityInfo(a1, x2 & 0xffff_ffffL);
      case MIGRATE_INFO_TYPE -> NO_MIGRATION_NEEDED;
      case SYSTEM_OFF -> {
        host.systemOff();
        yield INTERNAL_FAILURE; // it does not return; if it does, that is a failure
      }
      case SYSTEM_RESET -> {
        host.systemReset();
        yield INTERNAL_FAILURE;
      }
      case FEATURES -> isKnown((int) x1) ? SUCCESS : NOT_SUPPORTED;
      case SMCCC_VERSION -> SMCCC_1_1;
      case SMCCC_ARCH_FEATURES ->
          (int) x1 == SMCCC_VERSION || (int) x1 == SMCCC_ARCH_FEATURES ? SUCCESS : NOT_SUPPORTED;
      default -> NOT_SUPPORTED;
    };
  }

  private static boolean has64BitForm(int function) {
    return function == CPU_SUSPEND || function == CPU_ON || function == AFFINITY_INFO;
  }

  /** What PSCI_FEATURES admits to: every PSCI function served here, and SMCCC_VERSION. */
  private static boolean isKnown(int function) {
    int narrow = function & ~SMC64;
    if (narrow != function) {
      return has64BitForm(narrow);
    }
    return switch (function) {
      case VERSION,
          CPU_SUSPEND,
          CPU_OFF,
          CPU_ON,
          AFFINITY_INFO,
          MIGRATE_INFO_TYPE,
          SYSTEM_OFF,
          SYSTEM_RESET,
          FEATURES,
          SMCCC_VERSION ->
          true;
      default -> false;
    };
  }
}
