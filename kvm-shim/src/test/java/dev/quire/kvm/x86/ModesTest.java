package dev.quire.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.exec.X86Core;
import dev.quire.kvm.abi.KvmRun;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Guests in every mode and across every switch between them. Each tells what it sees through ports;
 * the code was assembled with GNU as from the listing above it, expectations are by hand.
 */
class ModesTest {
  private static final long CODE_32 = 0x00cf9b000000ffffL;
  private static final long DATA_32 = 0x00cf93000000ffffL;
  private static final long CODE_64 = 0x00af9b000000ffffL;
  private static final long CODE_16 = 0x00009b000000ffffL;
  private static final long DATA_16 = 0x000093000000ffffL;
  private static final long USER_DATA_32 = 0x00cff3000000ffffL;
  private static final long USER_CODE_32 = 0x00cffb000000ffffL;

  private final TestGuest guest = new TestGuest();

  @AfterEach
  void close() {
    guest.close();
  }

  /** A GDT at 0x7000, its descriptor at 0x7080; an IDT at 0x6000, at 0x7090; the IVT at 0x7098. */
  private void tables() {
    guest.store64(0x7000, 0, CODE_32, DATA_32, CODE_64, CODE_16, DATA_16);
    guest.store(0x7080, "7f00 00700000").store(0x7090, "ff07 00600000").store(0x7098, "ff03 0000");
  }

  private void gate32(int vector, int handler, int attributes) {
    guest.store32(0x6000 + 8 * vector, 8 << 16 | handler, attributes << 8);
  }

  /** Runs to HLT; what was written to ports on the way: port=value. */
  private List<String> outputs() {
    List<String> outputs = new ArrayList<>();
    int exit = guest.run();
    while (exit == KvmRun.EXIT_IO) {
      long value = new KvmRun(guest.run).pioData(0, guest.runByte(33));
      outputs.add("%x=%x".formatted(guest.runInt(34) & 0xffff, value));
      exit = guest.run();
    }
    assertThat(exit).isEqualTo(KvmRun.EXIT_HLT);
    return outputs;
  }

  /**
   *
   *
   * <pre>
   * 1000: lgdtl 0x7080; lidtl 0x7090; mov %cr0,%eax; or $1,%al; mov %eax,%cr0; ljmpl $8,$0x1040
   * 1040: mov $0x10,%ax; mov %ax,%ds; mov %ax,%es; mov %ax,%ss; mov $0x8000,%esp
   *       mov $0x12345678,%eax; out %eax,$0x20; int $0x30; ud2; ljmpl $0x20,$0x1080
   * 1080: mov $0x28,%ax; mov %ax,%ds; mov %ax,%es; mov %ax,%ss; mov %cr0,%eax; and $0xfe,%al
   *       mov %eax,%cr0; ljmpw $0,$0x10a0
   * 10a0: xor %ax,%ax; mov %ax,%ds; mov %ax,%ss; mov $0x8000,%sp; lidtl 0x7098; mov $0x3039,%ax
   *       out %ax,$0x22; int $0x40; hlt
   * 10d0: pushf; pop %eax; out %eax,$0x30; iret
   * 10e0: addl $2,(%esp); mov 8(%esp),%eax; out %eax,$0x31; iret
   * 10f0: mov %sp,%ax; out %ax,$0x40; iret
   * </pre>
   */
  @Test
  void realToProtectedToRealWithInterruptsInBoth() {
    tables();
    guest.realMode();
    guest.store(0x1000, "660f01168070 660f011e9070 0f20c0 0c01 0f22c0 66ea401000000800");
    guest.store(
        0x1040, "66b81000 8ed8 8ec0 8ed0 bc00800000 b878563412 e720 cd30 0f0b ea801000002000");
    guest.store(0x1080, "b82800 8ed8 8ec0 8ed0 0f20c0 24fe 0f22c0 eaa0100000");
    guest.store(0x10a0, "31c0 8ed8 8ed0 bc0080 660f011e9870 b83930 e722 cd40 f4");
    guest.store(0x10d0, "9c 58 e730 cf").store(0x10e0, "83042402 8b442408 e731 cf");
    guest.store(0x10f0, "89e0 e740 cf");
    gate32(0x30, 0x10d0, 0x8e);
    gate32(6, 0x10e0, 0x8e);
    guest.store32(0x100, 0x10f0);
    // The flags after OR; a #UD frame's flags carry RF.
    assertThat(outputs()).containsExactly("20=12345678", "30=6", "31=10006", "22=3039", "40=7ffa");
    assertThat(guest.core.cr0() & 1).isZero();
    assertThat(guest.gpr(X86Core.RSP)).isEqualTo(0x8000);
  }

  /**
   *
   *
   * <pre>
   * mov $0x10000,%eax; mov %eax,%cr3; mov %cr4,%eax; or $0x10,%eax; mov %eax,%cr4
   * mov %cr0,%eax; or $0x80010000,%eax; mov %eax,%cr0; mov 0x400000,%eax; out %eax,$0x20
   * mov 0x800004,%eax; out %eax,$0x21; mov %eax,0x401000; mov 0xc00000,%eax; hlt
   * 1080: pop %eax; out %eax,$0x30; mov %cr2,%eax; out %eax,$0x31; addl $5,(%esp); iret
   * </pre>
   */
  @Test
  void twoLevelPagingWithLargePagesAndFaults() {
    tables();
    guest.protectedMode(0, 0);
    guest.core.setGdtr(0x7000, 0x7f);
    guest.core.setIdtr(0x6000, 0x7ff);
    guest.store(
        0x1000,
        "b800000100 0f22d8 0f20e0 83c810 0f22e0 0f20c0 0d00000180 0f22c0 a100004000 e720"
            + "a104008000 e721 a300104000 a10000c000 f4");
    guest.store(0x1080, "58 e730 0f20d0 e731 83042405 cf");
    gate32(14, 0x1080, 0x8e);
    for (int i = 0; i < TestGuest.RAM_PAGES; i++) {
      guest.store32(0x11000 + 4 * i, i << 12 | 3);
    }
    guest.store32(0x10000, 0x11003, 0x12003, 0x83);
    guest.store32(0x12000, 0x9003, 0x9001);
    guest.store32(0x9000, 0xcafe).store32(4, 0xf00d);
    assertThat(outputs())
        .containsExactly("20=cafe", "21=f00d", "30=3", "31=401000", "30=0", "31=c00000");
    // Accessed and dirty bits, on a large page too.
    assertThat(guest.bytes(0x10008, 1)).isEqualTo("a3");
    assertThat(guest.bytes(0x12000, 1)).isEqualTo("23");
  }

  /**
   *
   *
   * <pre>
   * mov %cr4,%eax; or $0x20,%eax; mov %eax,%cr4; mov $0x10000,%eax; mov %eax,%cr3
   * mov %cr0,%eax; or $0x80000000,%eax; mov %eax,%cr0; mov 0x40000000,%eax; out %eax,$0x20
   * mov 0x40200008,%eax; out %eax,$0x21; movl $0,0x10008; mov 0x40000000,%eax; out %eax,$0x22
   * mov %cr3,%eax; mov %eax,%cr3; mov 0x40000000,%eax; hlt
   * 1080: as above
   * </pre>
   */
  @Test
  void paeKeepsItsPointersUntilTheyAreLoadedAgain() {
    tables();
    guest.protectedMode(0, 0);
    guest.core.setGdtr(0x7000, 0x7f);
    guest.core.setIdtr(0x6000, 0x7ff);
    guest.store(
        0x1000,
        "0f20e0 83c820 0f22e0 b800000100 0f22d8 0f20c0 0d00000080 0f22c0 a100000040 e720"
            + "a108002040 e721 c7050800010000000000 a100000040 e722 0f20d8 0f22d8 a100000040 f4");
    guest.store(0x1080, "58 e730 0f20d0 e731 83042405 cf");
    gate32(14, 0x1080, 0x8e);
    guest.store64(0x10000, 0x11001, 0x12001).store64(0x11000, 0x83);
    guest.store64(0x12000, 0x13003, 0x83).store64(0x13000, 0x9003);
    guest.store32(0x9000, 0xcafe).store32(8, 0xf00d);
    assertThat(outputs()).containsExactly("20=cafe", "21=f00d", "22=cafe", "30=0", "31=40000000");
  }

  /**
   *
   *
   * <pre>
   * mov %cr4,%eax; or $0x20,%eax; mov %eax,%cr4; mov $0x2000,%eax; mov %eax,%cr3
   * mov $0xc0000080,%ecx; rdmsr; or $0x100,%eax; wrmsr; mov %cr0,%eax; or $0x80000000,%eax
   * mov %eax,%cr0; out %eax,$0x20; ljmpl $0x18,$0x1040
   * 1040: movabs $0x1122334455667788,%rax; shr $32,%rax; out %eax,$0x21; push $8; push $0x1080
   *       lretq
   * 1080: mov $0x10,%ax; mov %ax,%ss; mov $-1,%eax; inc %eax; out %eax,$0x22; mov %cr0,%eax
   *       and $0x7fffffff,%eax; mov %eax,%cr0; mov $0xc0000080,%ecx; rdmsr; out %eax,$0x23
   *       xor %eax,%eax; wrmsr; mov 0x9000,%eax; out %eax,$0x24; hlt
   * </pre>
   */
  @Test
  void protectedToLongToCompatibilityAndBack() {
    tables();
    guest.supportedCpuid().protectedMode(0, 0).identityTables(3);
    guest.core.setGdtr(0x7000, 0x7f);
    guest.store(
        0x1000,
        "0f20e0 83c820 0f22e0 b800200000 0f22d8 b9800000c0 0f32 0d00010000 0f30 0f20c0"
            + "0d00000080 0f22c0 e720 ea40100000 1800");
    guest.store(0x1040, "48b88877665544332211 48c1e820 e721 6a08 6880100000 48cb");
    guest.store(
        0x1080,
        "66b81000 8ed0 b8ffffffff 40 e722 0f20c0 25ffffff7f 0f22c0 b9800000c0 0f32 e723"
            + "31c0 0f30 a100900000 e724 f4");
    guest.store32(0x9000, 0xcafe);
    assertThat(outputs())
        .containsExactly("20=80000011", "21=11223344", "22=0", "23=100", "24=cafe");
    assertThat(guest.core.efer()).isZero();
  }

  /**
   *
   *
   * <pre>
   * lgdtl 0x7080; mov %cr0,%eax; or $1,%al; mov %eax,%cr0; mov $0x10,%bx; mov %bx,%fs
   * and $0xfe,%al; mov %eax,%cr0; mov $0x20000,%ebx; mov %fs:(%ebx),%eax; out %eax,$0x20
   * mov $0x100000,%ebx; mov %fs:(%ebx),%eax; out %eax,$0x21; hlt
   * </pre>
   */
  @Test
  void bigRealModeReachesBeyondItsSegments() {
    tables();
    guest.realMode();
    guest.store(
        0x1000,
        "660f01168070 0f20c0 0c01 0f22c0 bb1000 8ee3 24fe 0f22c0 66bb00000200 6467668b03 66e720"
            + "66bb00001000 6467668b03 66e721 f4");
    guest.store32(0x20000, 0xcafe);
    guest.run();
    assertThat(guest.io()).isEqualTo("out4 20 x1 feca0000");
    guest.run();
    assertThat(guest.mmio()).isEqualTo("r 100000 4");
    guest.mmioData("0df00000");
    guest.run();
    assertThat(guest.io()).isEqualTo("out4 21 x1 0df00000");
    assertThat(guest.run()).isEqualTo(KvmRun.EXIT_HLT);
  }

  /**
   *
   *
   * <pre>
   * xor %cx,%cx; div %cx; ud2; mov $5,%ax; bound %ax,0x9000; mov $0x7fff,%ax; inc %ax; into; sti
   * hlt
   * 1040: mov $0,%al; out %al,$0x10; mov %sp,%bp; addw $2,(%bp); iret
   * 1050: the same with 6 and 2; 1060: with 5 and 4; 1070: mov $4,%al; out %al,$0x10; iret
   * </pre>
   */
  @Test
  void exceptionsInRealMode() {
    guest.realMode();
    guest.store(0x1000, "31c9 f7f1 0f0b b80500 62060090 b8ff7f 40 ce fb f4");
    guest.store(0x1040, "b000 e610 89e5 83460002 cf").store(0x1050, "b006 e610 89e5 83460002 cf");
    guest.store(0x1060, "b005 e610 89e5 83460004 cf").store(0x1070, "b004 e610 cf");
    guest.store32(0, 0x1040).store32(24, 0x1050).store32(20, 0x1060).store32(16, 0x1070);
    guest.store(0x9000, "0000 0400");
    assertThat(outputs()).containsExactly("10=0", "10=6", "10=5", "10=4");
    assertThat(guest.gpr(X86Core.RSP)).isEqualTo(0x8000);
  }

  /**
   *
   *
   * <pre>
   * 1000: mov $0x28,%ax; ltr %ax; push $0x33; push $0x9000; push $2; push $0x3b; push $0x1040; iret
   * 1040: mov %cs,%eax; int $0x80; cli; hlt
   * 1060: out %eax,$0x20; mov %esp,%eax; out %eax,$0x21; mov 12(%esp),%eax; out %eax,$0x22; iret
   * 1080: pop %eax; out %eax,$0x23; mov (%esp),%eax; out %eax,$0x24; hlt
   * </pre>
   */
  @Test
  void userCodeAndTheStackOfTheTaskStateSegment() {
    guest.store64(0x7000, 0, CODE_32, DATA_32, CODE_64, CODE_16);
    // A 32-bit TSS at 0x8000: SS0:ESP0 is 10:7800.
    guest.store64(0x7028, 0x0000_8900_8000_0067L, USER_DATA_32, USER_CODE_32);
    guest.store32(0x8004, 0x7800, 0x10);
    guest.protectedMode(0, 0);
    guest.core.setGdtr(0x7000, 0x7f);
    guest.core.setIdtr(0x6000, 0x7ff);
    guest.store(0x1000, "66b82800 0f00d8 6a33 6800900000 6a02 6a3b 6840100000 cf");
    guest.store(0x1040, "8cc8 cd80 fa f4");
    guest.store(0x1060, "e720 89e0 e721 8b44240c e722 cf");
    guest.store(0x1080, "58 e723 8b0424 e724 f4");
    gate32(0x80, 0x1060, 0xee);
    gate32(13, 0x1080, 0x8e);
    assertThat(outputs()).containsExactly("20=3b", "21=77ec", "22=9000", "23=0", "24=1044");
    assertThat(guest.core.cpl()).isZero();
  }
}
