package dev.quire.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmSregs;
import dev.quire.kvm.abi.KvmTranslation;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Answers of a Linux 6.18.44, or as arch/x86/kvm/x86.c has it. */
class SpecialRegistersTest {
  private final StateClient client = new StateClient();

  @AfterEach
  void close() {
    client.close();
  }

  @Test
  void resetState() {
    assertThat(client.sreg(KvmSregs.CR0)).isEqualTo(0x6000_0010);
    assertThat(client.getLong(KvmSregs.APIC_BASE)).isEqualTo(0xfee0_0900L);
    assertThat(client.getLong(KvmSregs.CS)).isEqualTo(0xffff_0000L);
    assertThat(client.getInt(KvmSregs.CS + 8)).isEqualTo(0xffff);
    assertThat(client.getInt(KvmSregs.CS + 12)).isEqualTo(0x010b_f000);
    assertThat(client.getInt(KvmSregs.TR + 12)).isEqualTo(0x010b_0000);
    assertThat(client.getInt(KvmSregs.LDT + 12)).isEqualTo(0x0102_0000);
    assertThat(client.getLong(KvmSregs.GDT + 8)).isEqualTo(0xffff);
    client.clear();
    assertThat(client.call(Ioctls.GET_REGS)).isZero();
    assertThat(client.getLong(24)).isEqualTo(0x600);
    assertThat(client.getLong(128)).isEqualTo(0xfff0);
    assertThat(client.getLong(136)).isEqualTo(2);
  }

  /** What no instruction could load is taken, and read back as it was set. */
  @Test
  void takesWhatTheProcessorWouldNot() {
    accepts(KvmSregs.EFER, 2);
    accepts(KvmSregs.EFER, 1L << 63);
    accepts(KvmSregs.EFER, 0x100);
    accepts(KvmSregs.CR3, 0x8000_0000_0000_0123L);
    accepts(KvmSregs.CR4, 1);
    accepts(KvmSregs.CR4, 1 << 20);
    accepts(KvmSregs.CR0, 0);
    accepts(KvmSregs.CR0, 1);
    accepts(KvmSregs.CR0, 0x1_ff50);
    accepts(KvmSregs.CR8, 15);
    accepts(KvmSregs.APIC_BASE, 0);
    accepts(KvmSregs.APIC_BASE, 0x1234_5900);
  }

  private void accepts(int field, long value) {
    long before = client.sreg(field);
    assertThat(client.setSreg(field, value)).isZero();
    assertThat(client.sreg(field)).isEqualTo(value);
    assertThat(client.setSreg(field, before)).isZero();
  }

  @Test
  void refusesWhatKvmRefuses() {
    refuses(KvmSregs.CR4, 1 << 15);
    refuses(KvmSregs.CR4, 1 << 14);
    refuses(KvmSregs.CR4, 1 << 13);
    refuses(KvmSregs.CR4, 1L << 32);
    refuses(KvmSregs.CR0, 0x2000_0010);
    refuses(KvmSregs.CR0, 0x8000_0010L);
    refuses(KvmSregs.CR0, 0x1_0000_0010L);
    refuses(KvmSregs.EFER, 0x500);
    refuses(KvmSregs.APIC_BASE, 0xfee0_0901L);
    refuses(KvmSregs.APIC_BASE, 0xfee0_0400L);
    refuses(KvmSregs.APIC_BASE, 0xfee0_0d00L);
    refuses(KvmSregs.APIC_BASE, 0xfee0_0900L | 1L << 36);
  }

  private void refuses(int field, long value) {
    long before = client.sreg(field);
    assertThat(client.setSreg(field, value)).isEqualTo(-Errno.EINVAL);
    assertThat(client.sreg(field)).isEqualTo(before);
  }

  @Test
  void cpuidDecidesAboutX2ApicAndAddressWidth() {
    client.supportedCpuid();
    accepts(KvmSregs.APIC_BASE, 0xfee0_0d00L);
    accepts(KvmSregs.APIC_BASE, 0xfee0_0900L | 1L << 36);
    refuses(KvmSregs.APIC_BASE, 0xfee0_0900L | 1L << 46);
    client.longMode();
    accepts(KvmSregs.CR3, 1L << 40);
    refuses(KvmSregs.CR3, 1L << 46);
  }

  @Test
  void cpuidTakesBitsOfCr4Away() {
    assertThat(client.setCpuid(new int[] {7, 0, 1, 0, 0, 0, 0})).isZero();
    refuses(KvmSregs.CR4, 1 << 20);
    refuses(KvmSregs.CR4, 1 << 12);
    accepts(KvmSregs.CR4, 0x7ff);
  }

  @Test
  void segmentsComeBackAsTheyWereSet() {
    client.sreg(KvmSregs.CR0);
    client.putByte(KvmSregs.DS + 14, 2).putByte(KvmSregs.DS + 16, 7);
    client.putByte(KvmSregs.ES + 15, 0).putByte(KvmSregs.ES + 22, 1);
    assertThat(client.call(Ioctls.SET_SREGS)).isZero();
    client.sreg(KvmSregs.CR0);
    assertThat(client.getByte(KvmSregs.DS + 14)).isEqualTo(2);
    assertThat(client.getByte(KvmSregs.DS + 16)).isEqualTo(7);
    assertThat(client.getByte(KvmSregs.ES + 15)).isZero();
    assertThat(client.getByte(KvmSregs.ES + 22)).isEqualTo(1);
  }

  @Test
  void aRegisterThatTheGuestChangesIsTheGuests() {
    assertThat(client.setSreg(KvmSregs.CR0, 0x1_ff50)).isZero();
    // mov eax, 0x10; mov cr0, eax; hlt
    client.guest.realMode().store(0x1000, "66b810000000 0f22c0 f4");
    client.guest.run();
    assertThat(client.sreg(KvmSregs.CR0)).isEqualTo(0x10);
  }

  @Test
  void theLowestBitOfTheBitmapIsInjected() {
    client.sreg(KvmSregs.CR0);
    client.putLong(KvmSregs.INTERRUPT_BITMAP + 8, 6);
    assertThat(client.call(Ioctls.SET_SREGS)).isZero();
    client.sreg(KvmSregs.CR0);
    assertThat(client.getLong(KvmSregs.INTERRUPT_BITMAP)).isZero();
    assertThat(client.getLong(KvmSregs.INTERRUPT_BITMAP + 8)).isEqualTo(2);
  }

  @Test
  void secondFormNeedsPaePagingForPdptes() {
    assertThat(client.clear().call(Ioctls.GET_SREGS2)).isZero();
    client.putLong(KvmSregs.FLAGS, 1);
    assertThat(client.call(Ioctls.SET_SREGS2)).isEqualTo(-Errno.EINVAL);
    client.putLong(KvmSregs.FLAGS, 0).putLong(KvmSregs.CR0, 0x8000_0011L);
    client.putLong(KvmSregs.CR4, 0x20).putLong(KvmSregs.FLAGS, 1);
    client.putLong(KvmSregs.PDPTRS + 8, 0x3001);
    assertThat(client.call(Ioctls.SET_SREGS2)).isZero();
    assertThat(client.clear().call(Ioctls.GET_SREGS2)).isZero();
    assertThat(client.getLong(KvmSregs.FLAGS)).isEqualTo(1);
    assertThat(client.getLong(KvmSregs.PDPTRS + 8)).isEqualTo(0x3001);
  }

  // KVM_TRANSLATE.

  private long translate(long linear) {
    client.clear().putLong(KvmTranslation.LINEAR_ADDRESS, linear);
    assertThat(client.call(Ioctls.TRANSLATE)).isZero();
    assertThat(client.getByte(KvmTranslation.WRITEABLE)).isEqualTo(1);
    long gpa = client.getLong(KvmTranslation.PHYSICAL_ADDRESS);
    assertThat(client.getByte(KvmTranslation.VALID)).isEqualTo(gpa == -1 ? 0 : 1);
    return gpa;
  }

  @Test
  void withoutPagingEveryAddressIsItself() {
    assertThat(translate(0xffff_ffff_ffffL)).isEqualTo(0xffff_ffff_ffffL);
    assertThat(translate(-2)).isEqualTo(-2);
  }

  /** KVM sets accessed flags on the way, looks at no canonicality, and needs no page at the end. */
  @Test
  void fourLevels() {
    client.guest.identityTables(3).store64(0x5040, 0);
    client.guest.store64(0x5048, 0x12_3456_7000L | 1);
    client.longMode();
    assertThat(translate(0x1234)).isEqualTo(0x1234);
    assertThat(client.guest.load64(0x2000)).isEqualTo(0x3023);
    assertThat(client.guest.load64(0x5008)).isEqualTo(0x1023);
    assertThat(client.guest.load64(0x5010)).isEqualTo(0x2003);
    assertThat(translate(0x8000)).isEqualTo(-1);
    assertThat(translate(0x9abc)).isEqualTo(0x12_3456_7abcL);
    assertThat(translate(0x8000_0000_0000_0000L)).isZero();
  }

  @Test
  void thirtyTwoBitTables() {
    client.guest.store32(0x6000, 0x7003, 0x0040_0083);
    client.guest.store32(0x7000, 0, 0x3003);
    protectedPaging(0x6000, 0x10);
    assertThat(translate(0x1004)).isEqualTo(0x3004);
    assertThat(translate(0x42_1004)).isEqualTo(0x42_1004);
    assertThat(translate(0x3000)).isEqualTo(-1);
  }

  @Test
  void paeTables() {
    client.guest.store64(0x6000, 0x7001, 0, 0, 0).store64(0x7000, 0x8003, 0x20_0083);
    client.guest.store64(0x8008, 0x3003);
    protectedPaging(0x6000, 0x20);
    assertThat(translate(0x1004)).isEqualTo(0x3004);
    assertThat(translate(0x20_1004)).isEqualTo(0x20_1004);
    assertThat(translate(0x4000_0000)).isEqualTo(-1);
  }

  private void protectedPaging(long cr3, long cr4) {
    client.sreg(KvmSregs.CR0);
    client.putLong(KvmSregs.CR0, 0x8000_0011L).putLong(KvmSregs.CR3, cr3);
    client.putLong(KvmSregs.CR4, cr4);
    assertThat(client.call(Ioctls.SET_SREGS)).isZero();
  }

  @Test
  void tablesOutsideSlotsLeadNowhere() {
    client.longMode();
    assertThat(client.setSreg(KvmSregs.CR3, 0x1234_5000)).isZero();
    assertThat(translate(0x1234)).isEqualTo(-1);
  }

  @Test
  void badAddressesAreFaults() {
    assertThat(client.call(Ioctls.GET_SREGS, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(client.call(Ioctls.SET_SREGS, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(client.call(Ioctls.SET_REGS, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(client.call(Ioctls.TRANSLATE, 0)).isEqualTo(-Errno.EFAULT);
  }
}
