package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.Cpuid;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.KvmCpuid2;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.mmu.x86.Cr4;
import java.util.Arrays;

/**
 * CPUID as the client has set it (KVM_SET_CPUID2): the guest sees these entries and, in some bits,
 * what its registers say now (Linux v6.18 arch/x86/kvm/cpuid.c). VM thread only.
 */
public final class GuestCpuid implements Cpuid {
  /** MAXPHYADDR of a vCPU without leaf 80000008H. */
  private static final int DEFAULT_PHYSICAL_BITS = 36;

  private static final int PHYSICAL_BITS_LEAF = 0x8000_0008;
  private static final long CR4_ALWAYS = 0x7ff;
  private static final CpuidEntry[] NONE = {};

  private CpuidEntry[] entries = NONE;
  private Registers registers = Registers.RESET;
  private int physicalBits = DEFAULT_PHYSICAL_BITS;
  private boolean wasSet;
  private long error;

  /** Registers that CPUID shows. */
  interface Registers {
    Registers RESET =
        new Registers() {
          @Override
          public long cr4() {
            return 0;
          }

          @Override
          public boolean apicEnabled() {
            return true;
          }

          @Override
          public boolean showsMwait() {
            return false;
          }

          @Override
          public boolean mwaitEnabled() {
            return false;
          }
        };

    long cr4();

    boolean apicEnabled();

    /** Whether IA32_MISC_ENABLE decides about MWAIT: a quirk is off. */
    boolean showsMwait();

    boolean mwaitEnabled();
  }

  void attach(Registers shown) {
    registers = shown;
  }

  @Override
  public void query(int leaf, int subleaf, int[] result) {
    update();
    int function = leaf;
    CpuidEntry entry = find(leaf, subleaf);
    if (entry == null && isOutOfRange(leaf)) {
      function = first(0).registers[CpuidEntry.EAX];
      entry = find(function, subleaf);
    }
    if (entry != null) {
      System.arraycopy(entry.registers, 0, result, 0, result.length);
      return;
    }
    Arrays.fill(result, 0);
    // Undefined subleaves of the topology leaves pass CL through and show the APIC id.
    CpuidEntry topology = function == 0xb || function == 0x1f ? find(function, 1) : null;
    if (topology != null) {
      result[CpuidEntry.ECX] = subleaf & 0xff;
      result[CpuidEntry.EDX] = topology.registers[CpuidEntry.EDX];
    }
  }

  /** Intel's answer beyond the last leaf of a class: the last basic leaf. */
  private boolean isOutOfRange(int leaf) {
    CpuidEntry basic = first(0);
    if (basic == null || isAmd(basic)) {
      return false;
    }
    int start = leaf & 0x8000_0000;
    if (leaf >>> 28 == 4) {
      start = leaf & 0xffff_ff00;
    } else if (leaf >>> 30 == 3) {
      start = 0xc000_0000;
    }
    CpuidEntry ofClass = first(start);
    return ofClass == null || Integer.compareUnsigned(leaf, ofClass.registers[CpuidEntry.EAX]) > 0;
  }

  private static boolean isAmd(CpuidEntry basic) {
    int start = basic.registers[CpuidEntry.EBX];
    return start == 0x6874_7541 || start == 0x6f67_7948 || start == 0x6944_4d41;
  }

  /** The entry of a function whose subleaves KVM itself does not look at, or null. */
  private CpuidEntry first(int function) {
    for (CpuidEntry entry : entries) {
      if (entry.function == function) {
        return entry;
      }
    }
    return null;
  }

  /** The entry that answers, or null. */
  private CpuidEntry find(int function, int index) {
    for (CpuidEntry entry : entries) {
      if (entry.answers(function, index)) {
        return entry;
      }
    }
    return null;
  }

  /** Bits KVM keeps true itself (kvm_update_cpuid_runtime). */
  private void update() {
    CpuidEntry features = first(1);
    if (features != null) {
      features.change(CpuFeature.OSXSAVE, (registers.cr4() & 1L << 18) != 0);
      features.change(CpuFeature.APIC, registers.apicEnabled());
      if (registers.showsMwait()) {
        features.change(CpuFeature.MWAIT, registers.mwaitEnabled());
      }
    }
    CpuidEntry structured = find(7, 0);
    if (structured != null) {
      structured.change(CpuFeature.OSPKE, (registers.cr4() & Cr4.PKE) != 0);
    }
    CpuidEntry state = find(0xd, 0);
    if (state != null) {
      // The bytes that x87 and SSE take: the legacy area and the header.
      state.registers[CpuidEntry.EBX] = 0x240;
    }
  }

  /** Whether the guest has a feature: the client shows it and KVM supports it. */
  boolean has(CpuFeature feature) {
    CpuidEntry entry = find(feature.function, 0);
    return entry != null && entry.has(feature) && SupportedCpuid.has(feature);
  }

  /** Whether the client shows a feature of KVM's own, KVM_FEATURE_ bits. */
  boolean hasParavirtual(int feature) {
    CpuidEntry signature = first(SupportedCpuid.SIGNATURE);
    CpuidEntry features = signature == null ? null : first(SupportedCpuid.FEATURES);
    return features != null && (features.registers[CpuidEntry.EAX] & feature) != 0;
  }

  /** EAX of leaf 1: what RESET leaves in EDX. 0 if the client set none. */
  int signature() {
    CpuidEntry features = first(1);
    return features == null ? 0 : features.registers[CpuidEntry.EAX];
  }

  /** Whether the vendor is AMD or Hygon. */
  boolean isAmd() {
    CpuidEntry basic = first(0);
    return basic != null && isAmd(basic);
  }

  /** Address bits from MAXPHYADDR up. */
  long reservedGpaBits() {
    return -1L << physicalBits;
  }

  /** The bits of CR4 that the guest may have: all that KVM knows until its CPUID is set. */
  long allowedCr4() {
    long allowed = CR4_ALWAYS;
    allowed |= mayHave(CpuFeature.LA57) ? Cr4.LA57 : 0;
    allowed |= mayHave(CpuFeature.FSGSBASE) ? Cr4.FSGSBASE : 0;
    allowed |= mayHave(CpuFeature.PCID) ? Cr4.PCIDE : 0;
    allowed |= mayHave(CpuFeature.SMEP) ? Cr4.SMEP : 0;
    allowed |= mayHave(CpuFeature.SMAP) ? Cr4.SMAP : 0;
    return allowed;
  }

  private boolean mayHave(CpuFeature feature) {
    return wasSet ? has(feature) : SupportedCpuid.has(feature);
  }

  /**
   * KVM_SET_CPUID2.
   *
   * @param frozen the vCPU has run: only the same table is taken
   * @return 0 or -errno
   */
  long set(Caller caller, long argument, boolean frozen) {
    CpuidEntry[] wanted = copyIn(caller, argument, KvmCpuid2.ENTRY_BYTES);
    return wanted == null ? error : set(wanted, frozen);
  }

  /** KVM_SET_CPUID. */
  long setOld(Caller caller, long argument, boolean frozen) {
    CpuidEntry[] wanted = copyIn(caller, argument, KvmCpuid2.OLD_ENTRY_BYTES);
    return wanted == null ? error : set(wanted, frozen);
  }

  private CpuidEntry[] copyIn(Caller caller, long argument, int entryBytes) {
    byte[] header = UserStructs.copyIn(caller, argument, KvmCpuid2.BYTES);
    if (header == null) {
      error = -Errno.EFAULT;
      return null;
    }
    int count = LittleEndian.getInt(header, KvmCpuid2.NENT);
    if (Integer.compareUnsigned(count, KvmCpuid2.MAX_ENTRIES) > 0) {
      error = -Errno.E2BIG;
      return null;
    }
    byte[] bytes = UserStructs.copyIn(caller, argument + KvmCpuid2.BYTES, count * entryBytes);
    if (bytes == null) {
      error = -Errno.EFAULT;
      return null;
    }
    CpuidEntry[] read = new CpuidEntry[count];
    for (int i = 0; i < count; i++) {
      read[i] =
          entryBytes == KvmCpuid2.ENTRY_BYTES
              ? CpuidEntry.read(bytes, i * entryBytes)
              : CpuidEntry.readOld(bytes, i * entryBytes);
    }
    return read;
  }

  private long set(CpuidEntry[] wanted, boolean frozen) {
    CpuidEntry[] before = entries;
    update();
    entries = wanted;
    if (frozen) {
      update();
      entries = before;
      return isSame(before, wanted) ? 0 : -Errno.EINVAL;
    }
    CpuidEntry widths = first(PHYSICAL_BITS_LEAF);
    int linearBits = widths == null ? 0 : widths.registers[CpuidEntry.EAX] >>> 8 & 0xff;
    if (linearBits != 0 && linearBits != 48 && linearBits != 57) {
      entries = before;
      return -Errno.EINVAL;
    }
    wasSet = true;
    physicalBits = physicalBits();
    update();
    return 0;
  }

  private static boolean isSame(CpuidEntry[] one, CpuidEntry[] other) {
    if (one.length != other.length) {
      return false;
    }
    for (int i = 0; i < one.length; i++) {
      if (!one[i].sameAs(other[i])) {
        return false;
      }
    }
    return true;
  }

  /** cpuid_query_maxphyaddr. */
  private int physicalBits() {
    CpuidEntry last = first(0x8000_0000);
    if (last == null
        || Integer.compareUnsigned(last.registers[CpuidEntry.EAX], PHYSICAL_BITS_LEAF) < 0) {
      return DEFAULT_PHYSICAL_BITS;
    }
    CpuidEntry widths = first(PHYSICAL_BITS_LEAF);
    int bits = widths == null ? 0 : widths.registers[CpuidEntry.EAX] & 0xff;
    return widths == null ? DEFAULT_PHYSICAL_BITS : Math.min(bits, Long.SIZE - 1);
  }

  /** KVM_GET_CPUID2: 0 or -errno. */
  long get(Caller caller, long argument) {
    byte[] header = UserStructs.copyIn(caller, argument, KvmCpuid2.BYTES);
    if (header == null) {
      return -Errno.EFAULT;
    }
    if (Integer.compareUnsigned(LittleEndian.getInt(header, KvmCpuid2.NENT), entries.length) < 0) {
      return -Errno.E2BIG;
    }
    update();
    return copyOut(caller, argument, header, Arrays.asList(entries));
  }

  /** Writes entries and then the header with their number. */
  static long copyOut(
      Caller caller, long argument, byte[] header, java.util.List<CpuidEntry> entries) {
    byte[] bytes = new byte[entries.size() * KvmCpuid2.ENTRY_BYTES];
    for (int i = 0; i < entries.size(); i++) {
      entries.get(i).write(bytes, i * KvmCpuid2.ENTRY_BYTES);
    }
    if (UserStructs.copyOut(caller, argument + KvmCpuid2.BYTES, bytes) != 0) {
      return -Errno.EFAULT;
    }
    LittleEndian.putInt(header, KvmCpuid2.NENT, entries.size());
    return UserStructs.copyOut(caller, argument, header);
  }
}
