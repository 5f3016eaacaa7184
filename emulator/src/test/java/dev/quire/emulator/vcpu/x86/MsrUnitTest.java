package dev.quire.emulator.vcpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MsrUnitTest {
  private static final int GP = X86Vector.GENERAL_PROTECTION;
  private static final long NOT_CANONICAL = 1L << 60;

  private final FakeMsrPort port = new FakeMsrPort();
  private final MsrUnit unit = new MsrUnit(port, CpuidTable.PHYSICAL_ADDRESS_BITS);

  private long read(int msr) {
    assertThat(unit.read(msr)).as("rdmsr %x", msr).isEqualTo(UnitStatus.OK);
    return unit.value();
  }

  private void writes(int msr, long value) {
    assertThat(unit.write(msr, value)).as("wrmsr %x %x", msr, value).isEqualTo(UnitStatus.OK);
    assertThat(read(msr)).isEqualTo(value);
  }

  private void refuses(int msr, long value) {
    long before = read(msr);
    assertThat(unit.write(msr, value)).as("wrmsr %x %x", msr, value).isEqualTo(GP);
    assertThat(read(msr)).isEqualTo(before);
  }

  @Test
  void unknownRegistersRaiseGeneralProtection() {
    for (int msr : new int[] {0, 0x11, 0x400, 0x480, 0x800, 0x210, 0xc001_0015, 0xc000_0104}) {
      assertThat(unit.read(msr)).as("rdmsr %x", msr).isEqualTo(GP);
      assertThat(unit.write(msr, 0)).as("wrmsr %x", msr).isEqualTo(GP);
    }
  }

  @Test
  void addressRegistersTakeCanonicalAddressesOf57Bits() {
    int[] registers = {
      X86Msr.LSTAR,
      X86Msr.CSTAR,
      X86Msr.FS_BASE,
      X86Msr.GS_BASE,
      X86Msr.KERNEL_GS_BASE,
      X86Msr.SYSENTER_ESP,
      X86Msr.SYSENTER_EIP,
    };
    for (int msr : registers) {
      writes(msr, 0xff00_0000_0000_0000L);
      writes(msr, 0x00ff_ffff_ffff_ffffL);
      refuses(msr, 0x0100_0000_0000_0000L);
      refuses(msr, NOT_CANONICAL);
    }
  }

  @Test
  void segmentsAndMasksAreTruncatedAndTscAuxIsNot() {
    unit.write(X86Msr.FMASK, 0x1_0004_7700L);
    assertThat(read(X86Msr.FMASK)).isEqualTo(0x4_7700);
    writes(X86Msr.STAR, 0x0023_0010_0000_0000L);
    writes(X86Msr.TSC_AUX, 0xffff_ffffL);
    refuses(X86Msr.TSC_AUX, 1L << 32);
  }

  @Test
  void eferIsDecidedByTheMmu() {
    writes(X86Msr.EFER, 0x901);
    port.refuses = true;
    refuses(X86Msr.EFER, 0);
  }

  @Test
  void theApicBaseHasNoX2apicModeAndEndsAtThePhysicalWidth() {
    writes(X86Msr.APIC_BASE, 0x1_fee0_0900L);
    refuses(X86Msr.APIC_BASE, 0xfee0_0d00L);
    refuses(X86Msr.APIC_BASE, 1L << 46 | 0xfee0_0900L);
    refuses(X86Msr.APIC_BASE, 0xfee0_0901L);
  }

  @Test
  void timeRegistersGoToTheClock() {
    assertThat(read(X86Msr.TSC)).isEqualTo(12345);
    writes(X86Msr.TSC, 7);
    writes(X86Msr.TSC_DEADLINE, 99);
    assertThat(port.deadline).isEqualTo(99);
  }

  @Test
  void thePatTakesOnlyMemoryTypes() {
    assertThat(read(X86Msr.PAT)).isEqualTo(0x0007_0406_0007_0406L);
    writes(X86Msr.PAT, 0x0407_0106_0007_0406L);
    refuses(X86Msr.PAT, 0x02);
    refuses(X86Msr.PAT, 0x0300_0000_0000_0000L);
    refuses(X86Msr.PAT, 0x08);
  }

  @Test
  void memoryTypeRangesAreCheckedAndKept() {
    assertThat(read(X86Msr.MTRR_CAP)).isEqualTo(0x508);
    assertThat(unit.write(X86Msr.MTRR_CAP, 0x508)).isEqualTo(GP);
    writes(X86Msr.MTRR_DEFAULT_TYPE, 0xc00);
    refuses(X86Msr.MTRR_DEFAULT_TYPE, 0xc02);
    refuses(X86Msr.MTRR_DEFAULT_TYPE, 0x1c06);
    writes(0x200, 0x8000_0000L | 6);
    refuses(0x200, 0x8000_0000L | 2);
    refuses(0x200, 1L << 46);
    writes(0x201, 0x3fff_8000_0800L);
    refuses(0x201, 0x3fff_8000_0801L);
    writes(X86Msr.MTRR_FIXED_64K, 0x0606_0606_0606_0606L);
    writes(X86Msr.MTRR_FIXED_4K_7, 0x0505_0505_0505_0505L);
    refuses(X86Msr.MTRR_FIXED_16K_1, 0x0606_0606_0206_0606L);
  }

  @Test
  void machineChecksHaveNoBanksAndStatusOnlyClears() {
    assertThat(read(X86Msr.MCG_CAP)).isZero();
    writes(X86Msr.MCG_STATUS, 0);
    refuses(X86Msr.MCG_STATUS, 1);
  }

  @Test
  void miscEnableKeepsItsWritableBits() {
    assertThat(read(X86Msr.MISC_ENABLE)).isEqualTo(1);
    writes(X86Msr.MISC_ENABLE, 0x1881);
    refuses(X86Msr.MISC_ENABLE, 1L << 34);
  }
}
