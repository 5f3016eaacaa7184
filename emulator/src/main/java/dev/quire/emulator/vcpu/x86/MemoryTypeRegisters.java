package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/**
 * The MTRRs and the PAT: values kept and checked, without effect (SDM vol. 3A, 12.11 and 12.12).
 *
 * <p>They start as firmware leaves them: enabled, everything write-back.
 */
final class MemoryTypeRegisters implements DeviceState {
  private static final long DEFAULT_TYPE_VALID = 0xff | 1 << 10 | 1 << 11;
  private static final long ENABLED_WRITE_BACK = 1 << 11 | 6;
  private static final long PAT_AFTER_RESET = 0x0007_0406_0007_0406L;

  private final long addressMask;
  private final long[] variable = new long[MtrrLayout.VARIABLE];
  private final long[] fixed = new long[MtrrLayout.FIXED];
  private long defaultType = ENABLED_WRITE_BACK;
  private long pat = PAT_AFTER_RESET;

  MemoryTypeRegisters(int physicalAddressBits) {
    addressMask = (1L << physicalAddressBits) - 1 & ~0xfffL;
  }

  boolean contains(int msr) {
    return msr == X86Msr.PAT || MtrrLayout.contains(msr);
  }

  long read(int msr) {
    return switch (msr) {
      case X86Msr.MTRR_CAP -> MtrrLayout.CAPABILITIES;
      case X86Msr.MTRR_DEFAULT_TYPE -> defaultType;
      case X86Msr.PAT -> pat;
      default ->
          MtrrLayout.isVariable(msr)
              ? variable[MtrrLayout.variableIndex(msr)]
              : fixed[MtrrLayout.fixedIndex(msr)];
    };
  }

  /** False for #GP: no such register, read-only, or a value it does not take. */
  boolean write(int msr, long value) {
    if (msr == X86Msr.MTRR_DEFAULT_TYPE) {
      boolean valid = (value & ~DEFAULT_TYPE_VALID) == 0 && MtrrLayout.isType(value);
      defaultType = valid ? value : defaultType;
      return valid;
    }
    if (msr == X86Msr.PAT) {
      boolean valid = isPat(value);
      pat = valid ? value : pat;
      return valid;
    }
    if (MtrrLayout.isVariable(msr)) {
      int index = MtrrLayout.variableIndex(msr);
      boolean valid = (index & 1) == 0 ? isPhysicalBase(value) : isPhysicalMask(value);
      variable[index] = valid ? value : variable[index];
      return valid;
    }
    int index = MtrrLayout.fixedIndex(msr);
    if (index < 0 || !MtrrLayout.areTypes(value)) {
      return false;
    }
    fixed[index] = value;
    return true;
  }

  @Override
  public void save(StateWriter writer) {
    writer.putLongs(variable).putLongs(fixed).putLong(defaultType).putLong(pat);
  }

  @Override
  public void load(StateReader reader) {
    reader.getLongs(variable);
    reader.getLongs(fixed);
    defaultType = reader.getLong();
    pat = reader.getLong();
    if ((defaultType & ~DEFAULT_TYPE_VALID) != 0 || !isPat(pat)) {
      throw reader.failure("MTRR default type 0x%x, PAT 0x%x".formatted(defaultType, pat));
    }
  }

  private boolean isPhysicalBase(long value) {
    return (value & ~(addressMask | 0xff)) == 0 && MtrrLayout.isType(value);
  }

  private boolean isPhysicalMask(long value) {
    return (value & ~(addressMask | 1 << 11)) == 0;
  }

  private static boolean isPat(long value) {
    for (int shift = 0; shift < 64; shift += 8) {
      long type = value >>> shift & 0xff;
      if (!MtrrLayout.isType(type) && type != 7) {
        return false;
      }
    }
    return true;
  }
}
