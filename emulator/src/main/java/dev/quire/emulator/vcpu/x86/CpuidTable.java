package dev.quire.emulator.vcpu.x86;

/**
 * The CPUID a guest sees: an Intel server core of family 6, model 85, without AVX, XSAVE, MONITOR,
 * x2APIC, VMX or RDRAND (whose values would differ from run to run), under a hypervisor (SDM vol.
 * 2A, CPUID). Time leaves state 1 GHz: one tick of the time-stamp counter and of the local APIC
 * timer a retired instruction.
 *
 * <p>Immutable; {@link #query} allocates nothing.
 */
public final class CpuidTable {
  /** MAXPHYADDR. */
  public static final int PHYSICAL_ADDRESS_BITS = 46;

  /** Ticks a second of the time-stamp counter and of the APIC timer before its divider. */
  public static final int TICKS_PER_SECOND = 1_000_000_000;

  /** Linear address width, with CR4.LA57. */
  public static final int LINEAR_ADDRESS_BITS = 57;

  private static final int MAX_BASIC = 0x16;
  private static final int MAX_EXTENDED = 0x8000_0008;
  private static final int HYPERVISOR = 0x4000_0000;
  private static final int MAX_HYPERVISOR = 0x4000_0010;

  /** Family 6, model 85, stepping 4: leaf 1 EAX. */
  public static final int SIGNATURE = 0x0005_0654;

  private static final int FEATURES_1_ECX = bits(0, 1, 9, 13, 17, 19, 20, 22, 23, 24, 25, 31);
  private static final int FEATURES_1_EDX =
      bits(0, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 19, 23, 24, 25, 26);
  private static final int FEATURE_1_HTT = bits(28);
  private static final int FEATURES_7_EBX = bits(0, 7, 9, 10, 19, 20, 23, 24);
  private static final int FEATURES_7_ECX = bits(16);
  private static final int FEATURES_81_ECX = bits(0, 8);
  private static final int FEATURES_81_EDX = bits(11, 20, 26, 27, 29);

  private static final String VENDOR = "GenuineIntel";
  private static final String HYPERVISOR_NAME = "QuireQuireQ!";
  private static final String BRAND = "Quire virtual x86-64 processor @ 1.00GHz";

  private final int cpus;
  private final int apicIdBits;

  /**
   * @param cpus processors of the machine, 1 to 255, as cores of one package
   */
  public CpuidTable(int cpus) {
    if (cpus < 1 || cpus > 255) {
      throw new IllegalArgumentException("a machine has 1 to 255 processors, not " + cpus);
    }
    this.cpus = cpus;
    this.apicIdBits = 32 - Integer.numberOfLeadingZeros(cpus - 1);
  }

  /** What the processor with this local APIC sees. */
  public Cpuid of(int apicId) {
    return (leaf, subleaf, registers) -> query(leaf, subleaf, apicId, registers);
  }

  private static int bits(int... numbers) {
    int result = 0;
    for (int number : numbers) {
      result |= 1 << number;
    }
    return result;
  }

  /**
   * Answers CPUID.
   *
   * @param leaf EAX
   * @param subleaf ECX
   * @param apicId of the processor that asks
   * @param registers four ints, overwritten with EAX, EBX, ECX, EDX
   */
  public void query(int leaf, int subleaf, int apicId, int[] registers) {
    int region = leaf >>> 28;
    int known = leaf;
    if (region != 4 && region != 8 && Integer.compareUnsigned(leaf, MAX_BASIC) > 0
        || region == 8 && Integer.compareUnsigned(leaf, MAX_EXTENDED) > 0) {
      // Beyond the last leaf the highest basic leaf answers (SDM vol. 2A, CPUID).
      known = MAX_BASIC;
    }
    set(registers, 0, 0, 0, 0);
    if (region == 4) {
      hypervisor(leaf, registers);
    } else if (known < 0) {
      extended(known, registers);
    } else {
      basic(known, subleaf, apicId, registers);
    }
  }

  private void basic(int leaf, int subleaf, int apicId, int[] registers) {
    switch (leaf) {
      case 0 -> name(VENDOR, MAX_BASIC, registers, 1, 3, 2);
      case 1 -> {
        int logical = 1 << apicIdBits;
        set(registers, SIGNATURE, apicId << 24 | logical << 16 | 8 << 8, FEATURES_1_ECX, 0);
        registers[3] = FEATURES_1_EDX | (cpus > 1 ? FEATURE_1_HTT : 0);
      }
      // One descriptor: "see leaf 4".
      case 2 -> set(registers, 0x00ff_0001, 0, 0, 0);
      case 4 -> cache(subleaf, registers);
      // The APIC timer never stops.
      case 6 -> set(registers, 1 << 2, 0, 0, 0);
      case 7 -> {
        if (subleaf == 0) {
          set(registers, 0, FEATURES_7_EBX, FEATURES_7_ECX, 0);
        }
      }
      case 0xb -> topology(subleaf, apicId, registers);
      case 0x15 -> set(registers, 1, 1, TICKS_PER_SECOND, 0);
      case 0x16 ->
          set(registers, TICKS_PER_SECOND / 1_000_000, TICKS_PER_SECOND / 1_000_000, 100, 0);
      default -> {}
    }
  }

  /** Leaf 4: type and level, line size, partitions, ways, sets. */
  private void cache(int subleaf, int[] registers) {
    int cores = (1 << apicIdBits) - 1 << 26;
    switch (subleaf) {
      case 0 -> set(registers, cores | 1 << 8 | 1 << 5 | 1, 7 << 22 | 63, 63, 0);
      case 1 -> set(registers, cores | 1 << 8 | 1 << 5 | 2, 7 << 22 | 63, 63, 0);
      case 2 -> set(registers, cores | 1 << 8 | 2 << 5 | 3, 15 << 22 | 63, 1023, 0);
      case 3 -> {
        int sharing = (1 << apicIdBits) - 1 << 14;
        set(registers, cores | sharing | 1 << 8 | 3 << 5 | 3, 15 << 22 | 63, 16383, 0);
      }
      default -> {}
    }
  }

  /** Leaf 0BH: one thread a core, then the cores of the package. */
  private void topology(int subleaf, int apicId, int[] registers) {
    switch (subleaf) {
      case 0 -> set(registers, 0, 1, 1 << 8, apicId);
      case 1 -> set(registers, apicIdBits, cpus, 2 << 8 | 1, apicId);
      default -> set(registers, 0, 0, subleaf & 0xff, apicId);
    }
  }

  private static void hypervisor(int leaf, int[] registers) {
    switch (leaf) {
      case HYPERVISOR -> name(HYPERVISOR_NAME, MAX_HYPERVISOR, registers, 1, 2, 3);
      // The de facto timing leaf: kHz of the time-stamp counter and of the APIC timer.
      case MAX_HYPERVISOR -> set(registers, TICKS_PER_SECOND / 1000, TICKS_PER_SECOND / 1000, 0, 0);
      default -> {}
    }
  }

  private static void extended(int leaf, int[] registers) {
    switch (leaf) {
      case 0x8000_0000 -> set(registers, MAX_EXTENDED, 0, 0, 0);
      case 0x8000_0001 -> set(registers, 0, 0, FEATURES_81_ECX, FEATURES_81_EDX);
      case 0x8000_0002, 0x8000_0003, 0x8000_0004 -> brand(leaf - 0x8000_0002, registers);
      case 0x8000_0006 -> set(registers, 0, 0, 1024 << 16 | 8 << 12 | 64, 0);
      case 0x8000_0007 -> set(registers, 0, 0, 0, 1 << 8);
      case 0x8000_0008 -> set(registers, LINEAR_ADDRESS_BITS << 8 | PHYSICAL_ADDRESS_BITS, 0, 0, 0);
      default -> {}
    }
  }

  private static void brand(int part, int[] registers) {
    for (int i = 0; i < 4; i++) {
      registers[i] = word(BRAND, part * 16 + i * 4);
    }
  }

  /** EAX and a twelve-letter name, whose words go to the registers numbered. */
  private static void name(
      String text, int eax, int[] registers, int first, int second, int third) {
    registers[0] = eax;
    registers[first] = word(text, 0);
    registers[second] = word(text, 4);
    registers[third] = word(text, 8);
  }

  private static int word(String text, int at) {
    int result = 0;
    for (int i = 0; i < 4; i++) {
      int letter = at + i < text.length() ? text.charAt(at + i) : 0;
      result |= letter << 8 * i;
    }
    return result;
  }

  private static void set(int[] registers, int eax, int ebx, int ecx, int edx) {
    registers[0] = eax;
    registers[1] = ebx;
    registers[2] = ecx;
    registers[3] = edx;
  }
}
