package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.CpuidTable;
import dev.quire.kvm.abi.KvmCpuid2;
import java.util.ArrayList;
import java.util.List;

/**
 * What a guest of KVM can be shown (Linux v6.18 arch/x86/kvm/cpuid.c, __do_cpuid_func) on a host
 * with the processor that {@link CpuidTable} describes. It has no XSAVE: the core executes x87 and
 * SSE, and of XSAVE's instructions none.
 */
final class SupportedCpuid {
  /** KVM_CPUID_SIGNATURE. */
  static final int SIGNATURE = 0x4000_0000;

  /** KVM_CPUID_FEATURES. */
  static final int FEATURES = 0x4000_0001;

  // KVM_FEATURE_ bits.
  static final int CLOCKSOURCE = 1;
  static final int NOP_IO_DELAY = 1 << 1;
  static final int CLOCKSOURCE2 = 1 << 3;
  static final int ASYNC_PF = 1 << 4;
  static final int STEAL_TIME = 1 << 5;
  static final int PV_EOI = 1 << 6;
  static final int POLL_CONTROL = 1 << 12;
  static final int ASYNC_PF_INT = 1 << 14;
  static final int CLOCKSOURCE_STABLE = 1 << 24;

  private static final int MAX_BASIC = 0x24;
  private static final int MAX_EXTENDED = 0x8000_0022;
  private static final int APIC_TIMER_RUNS_ALWAYS = 4;
  private static final int LEAF_1_ECX_ADDED =
      CpuFeature.X2APIC.mask | CpuFeature.TSC_DEADLINE.mask | 1 << 31;
  private static final int LEAF_1_EDX_HIDDEN = 1 << 28;

  private static final CpuidTable HOST = new CpuidTable(1);
  private static final List<CpuidEntry> ENTRIES = build();

  private SupportedCpuid() {}

  /** KVM_GET_SUPPORTED_CPUID's entries, to be copied before use. */
  static List<CpuidEntry> entries() {
    return ENTRIES;
  }

  /** KVM_GET_EMULATED_CPUID: instructions KVM emulates whether the host has them or not. */
  static List<CpuidEntry> emulated() {
    return List.of(
        new CpuidEntry(0, 0, 0, 7, 0, 0, 0),
        new CpuidEntry(1, 0, 0, 0, 0, 1 << 22, 0),
        new CpuidEntry(7, 0, KvmCpuid2.SIGNIFICANT_INDEX, 0, 0, 0, 0));
  }

  /** Bits of a register a guest may have: what is shown, and what changes at run time. */
  static int supported(int function, int index, int register) {
    int bits = 0;
    for (CpuidEntry entry : ENTRIES) {
      if (entry.function == function && entry.index == index) {
        bits = entry.registers[register];
      }
    }
    return bits;
  }

  static boolean has(CpuFeature feature) {
    return (supported(feature.function, 0, feature.register) & feature.mask) != 0;
  }

  private static List<CpuidEntry> build() {
    List<CpuidEntry> entries = new ArrayList<>();
    int[] host = new int[4];
    HOST.query(0, 0, 0, host);
    int last = Math.min(host[0], MAX_BASIC);
    for (int function = 0; function <= last; function++) {
      addBasic(entries, function);
    }
    HOST.query(0x8000_0000, 0, 0, host);
    int lastExtended = Math.min(host[0], MAX_EXTENDED);
    for (int function = 0x8000_0000; function <= lastExtended; function++) {
      addExtended(entries, function);
    }
    entries.add(new CpuidEntry(SIGNATURE, 0, 0, FEATURES, 0x4b4d_564b, 0x564b_4d56, 0x4d));
    int features = CLOCKSOURCE | NOP_IO_DELAY | CLOCKSOURCE2 | POLL_CONTROL | CLOCKSOURCE_STABLE;
    entries.add(new CpuidEntry(FEATURES, 0, 0, features, 0, 0, 0));
    return List.copyOf(entries);
  }

  private static void addBasic(List<CpuidEntry> entries, int function) {
    int[] r = new int[4];
    HOST.query(function, 0, 0, r);
    int flags = isIndexed(function) ? KvmCpuid2.SIGNIFICANT_INDEX : 0;
    switch (function) {
      case 1 -> {
        r[CpuidEntry.ECX] |= LEAF_1_ECX_ADDED;
        r[CpuidEntry.EDX] &= ~LEAF_1_EDX_HIDDEN;
      }
      case 0, 2 -> {
        // As the host has it.
      }
      case 4 -> {
        addCaches(entries);
        return;
      }
      case 6 -> r = new int[] {APIC_TIMER_RUNS_ALWAYS, 0, 0, 0};
      case 7 -> {
        r[CpuidEntry.EBX] |= CpuFeature.TSC_ADJUST.mask;
        r[CpuidEntry.EDX] |= CpuFeature.ARCH_CAPABILITIES.mask;
      }
      default -> r = new int[4];
    }
    entries.add(new CpuidEntry(function, 0, flags, r));
  }

  private static void addCaches(List<CpuidEntry> entries) {
    int[] r;
    int index = 0;
    do {
      r = new int[4];
      HOST.query(4, index, 0, r);
      entries.add(new CpuidEntry(4, index, KvmCpuid2.SIGNIFICANT_INDEX, r));
      index++;
    } while ((r[0] & 0x1f) != 0);
  }

  private static void addExtended(List<CpuidEntry> entries, int function) {
    int[] r = new int[4];
    HOST.query(function, 0, 0, r);
    switch (function) {
      case 0x8000_0000, 0x8000_0001, 0x8000_0006, 0x8000_0007 -> {
        // As the host has it.
      }
      // The guest's physical width is the host's: EPT has as many bits.
      case 0x8000_0008 -> r[0] |= (r[0] & 0xff) << 16;
      default -> r = new int[4];
    }
    entries.add(new CpuidEntry(function, 0, 0, r));
  }

  /** Functions whose answer depends on ECX (do_host_cpuid). */
  private static boolean isIndexed(int function) {
    return switch (function) {
      case 4, 7, 0xb, 0xd, 0xf, 0x10, 0x12, 0x14, 0x17, 0x18, 0x1d, 0x1e, 0x1f, 0x24 -> true;
      default -> false;
    };
  }
}
