package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/**
 * RDMSR and WRMSR: which registers there are and which values they take (SDM vol. 4, table 2-2;
 * vol. 2B, WRMSR). Every other number raises #GP(0). The privilege check is the caller's.
 *
 * <p>Memory type registers are kept and checked but have no effect: the machine models no caches of
 * data. One instance a vCPU, on its thread.
 */
public final class MsrUnit implements ModelSpecificRegisters, DeviceState {
  private static final long MISC_ENABLE_FAST_STRINGS = 1;

  /** Fast strings, EMON, branch trace and PEBS unavailable, SpeedStep, limited CPUID leaves. */
  private static final long MISC_ENABLE_WRITABLE = 1 | 1 << 7 | 1 << 11 | 1 << 12 | 1 << 16;

  /** BSP, global enable and the base; x2APIC mode (bit 10) is not there. */
  private static final long APIC_BASE_LOW = 1 << 8 | 1 << 11 | 0xf000;

  private final X86MsrPort port;
  private final MemoryTypeRegisters memoryTypes;
  private final int physicalAddressBits;
  private long miscEnable = MISC_ENABLE_FAST_STRINGS;
  private long machineCheckStatus;
  private long biosUpdateId;
  private long value;

  /**
   * @param physicalAddressBits MAXPHYADDR as CPUID shows it
   */
  public MsrUnit(X86MsrPort port, int physicalAddressBits) {
    this.port = port;
    this.physicalAddressBits = physicalAddressBits;
    this.memoryTypes = new MemoryTypeRegisters(physicalAddressBits);
  }

  @Override
  public long value() {
    return value;
  }

  @Override
  public int read(int msr) {
    switch (msr) {
      case X86Msr.TSC -> value = port.tsc();
      case X86Msr.APIC_BASE -> value = port.apicBase();
      case X86Msr.TSC_DEADLINE -> value = port.tscDeadline();
      case X86Msr.EFER,
          X86Msr.STAR,
          X86Msr.LSTAR,
          X86Msr.CSTAR,
          X86Msr.FMASK,
          X86Msr.FS_BASE,
          X86Msr.GS_BASE,
          X86Msr.KERNEL_GS_BASE,
          X86Msr.TSC_AUX,
          X86Msr.SYSENTER_CS,
          X86Msr.SYSENTER_ESP,
          X86Msr.SYSENTER_EIP ->
          value = port.engineMsr(msr);
      case X86Msr.MISC_ENABLE -> value = miscEnable;
      case X86Msr.MCG_STATUS -> value = machineCheckStatus;
      case X86Msr.BIOS_UPDATE_ID -> value = biosUpdateId;
      // No error-reporting banks, no turbo ratios; feature control is locked with VMX off.
      case X86Msr.MCG_CAP, X86Msr.PLATFORM_INFO, X86Msr.PERF_STATUS, X86Msr.DEBUG_CONTROL ->
          value = 0;
      case X86Msr.FEATURE_CONTROL -> value = 1;
      default -> {
        if (!memoryTypes.contains(msr)) {
          return X86Vector.GENERAL_PROTECTION;
        }
        value = memoryTypes.read(msr);
      }
    }
    return UnitStatus.OK;
  }

  @Override
  public int write(int msr, long newValue) {
    boolean done =
        switch (msr) {
          case X86Msr.EFER -> port.writeEfer(newValue);
          case X86Msr.LSTAR,
              X86Msr.CSTAR,
              X86Msr.FS_BASE,
              X86Msr.GS_BASE,
              X86Msr.KERNEL_GS_BASE,
              X86Msr.SYSENTER_ESP,
              X86Msr.SYSENTER_EIP ->
              isCanonical(newValue) && setEngine(msr, newValue);
          case X86Msr.STAR -> setEngine(msr, newValue);
          case X86Msr.FMASK, X86Msr.SYSENTER_CS -> setEngine(msr, newValue & 0xffff_ffffL);
          case X86Msr.TSC_AUX -> newValue >>> 32 == 0 && setEngine(msr, newValue);
          case X86Msr.APIC_BASE -> isApicBase(newValue) && port.writeApicBase(newValue);
          default -> writeOwn(msr, newValue);
        };
    return done ? UnitStatus.OK : X86Vector.GENERAL_PROTECTION;
  }

  private boolean writeOwn(int msr, long newValue) {
    switch (msr) {
      case X86Msr.TSC -> port.writeTsc(newValue);
      case X86Msr.TSC_DEADLINE -> port.writeTscDeadline(newValue);
      case X86Msr.BIOS_UPDATE_ID -> biosUpdateId = newValue;
      case X86Msr.MCG_STATUS -> {
        if (newValue != 0) {
          return false;
        }
        machineCheckStatus = 0;
      }
      case X86Msr.MISC_ENABLE -> {
        if ((newValue & ~MISC_ENABLE_WRITABLE) != 0) {
          return false;
        }
        miscEnable = newValue;
      }
      // Last-branch records and branch traps do not exist here: the register holds zero.
      case X86Msr.DEBUG_CONTROL -> {
        return newValue == 0;
      }
      default -> {
        return memoryTypes.write(msr, newValue);
      }
    }
    return true;
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("x86-msrs", 1);
    writer.putLong(miscEnable).putLong(machineCheckStatus).putLong(biosUpdateId);
    memoryTypes.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("x86-msrs", 1);
    miscEnable = reader.getLong() & MISC_ENABLE_WRITABLE;
    machineCheckStatus = reader.getLong(0, 0, "machine-check status");
    biosUpdateId = reader.getLong();
    memoryTypes.load(reader);
    reader.end();
  }

  private boolean setEngine(int msr, long newValue) {
    port.setEngineMsr(msr, newValue);
    return true;
  }

  /**
   * Canonical for the width the processor has, whatever CR4.LA57 says (Linux v6.12
   * arch/x86/kvm/x86.h, is_noncanonical_msr_address).
   */
  private static boolean isCanonical(long linear) {
    int unused = 64 - CpuidTable.LINEAR_ADDRESS_BITS;
    return linear << unused >> unused == linear;
  }

  private boolean isApicBase(long newValue) {
    long base = (1L << physicalAddressBits) - 1 & ~0xffffL;
    return (newValue & ~(APIC_BASE_LOW | base)) == 0;
  }
}
