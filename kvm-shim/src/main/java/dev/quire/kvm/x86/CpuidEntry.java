package dev.quire.kvm.x86;

import dev.quire.kvm.abi.KvmCpuid2;
import dev.quire.kvm.abi.LittleEndian;

/** One entry of a CPUID table: struct kvm_cpuid_entry2. */
final class CpuidEntry {
  /** Indices of {@link #registers}. */
  static final int EAX = 0;

  static final int EBX = 1;
  static final int ECX = 2;
  static final int EDX = 3;

  final int function;
  final int index;
  final int flags;

  /** EAX, EBX, ECX, EDX. */
  final int[] registers;

  private final int[] padding;

  CpuidEntry(int function, int index, int flags, int... registers) {
    this(function, index, flags, registers, new int[3]);
  }

  private CpuidEntry(int function, int index, int flags, int[] registers, int[] padding) {
    this.function = function;
    this.index = index;
    this.flags = flags;
    this.registers = registers;
    this.padding = padding;
  }

  /** Whether ECX selects among several entries of the function. */
  boolean isIndexed() {
    return (flags & KvmCpuid2.SIGNIFICANT_INDEX) != 0;
  }

  boolean answers(int leaf, int subleaf) {
    return function == leaf && (!isIndexed() || index == subleaf);
  }

  boolean has(CpuFeature feature) {
    return (registers[feature.register] & feature.mask) != 0;
  }

  void change(CpuFeature feature, boolean present) {
    int others = registers[feature.register] & ~feature.mask;
    registers[feature.register] = present ? others | feature.mask : others;
  }

  CpuidEntry copy() {
    return new CpuidEntry(function, index, flags, registers.clone(), padding);
  }

  /** Whether the client set the same, padding aside. */
  boolean sameAs(CpuidEntry other) {
    return function == other.function
        && index == other.index
        && flags == other.flags
        && java.util.Arrays.equals(registers, other.registers);
  }

  static CpuidEntry read(byte[] bytes, int at) {
    int[] registers = new int[4];
    int[] padding = new int[3];
    for (int i = 0; i < registers.length; i++) {
      registers[i] = LittleEndian.getInt(bytes, at + KvmCpuid2.EAX + Integer.BYTES * i);
    }
    for (int i = 0; i < padding.length; i++) {
      padding[i] = LittleEndian.getInt(bytes, at + KvmCpuid2.PADDING + Integer.BYTES * i);
    }
    return new CpuidEntry(
        LittleEndian.getInt(bytes, at + KvmCpuid2.FUNCTION),
        LittleEndian.getInt(bytes, at + KvmCpuid2.INDEX),
        LittleEndian.getInt(bytes, at + KvmCpuid2.FLAGS),
        registers,
        padding);
  }

  /** An entry of KVM_SET_CPUID, which has neither index nor flags. */
  static CpuidEntry readOld(byte[] bytes, int at) {
    int[] registers = new int[4];
    for (int i = 0; i < registers.length; i++) {
      registers[i] = LittleEndian.getInt(bytes, at + Integer.BYTES * (1 + i));
    }
    return new CpuidEntry(LittleEndian.getInt(bytes, at), 0, 0, registers);
  }

  void write(byte[] bytes, int at) {
    LittleEndian.putInt(bytes, at + KvmCpuid2.FUNCTION, function);
    LittleEndian.putInt(bytes, at + KvmCpuid2.INDEX, index);
    LittleEndian.putInt(bytes, at + KvmCpuid2.FLAGS, flags);
    for (int i = 0; i < registers.length; i++) {
      LittleEndian.putInt(bytes, at + KvmCpuid2.EAX + Integer.BYTES * i, registers[i]);
    }
    for (int i = 0; i < padding.length; i++) {
      LittleEndian.putInt(bytes, at + KvmCpuid2.PADDING + Integer.BYTES * i, padding[i]);
    }
  }
}
