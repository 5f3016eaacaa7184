package dev.quire.emulator.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.boot.EntryState.X86Entry64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LinuxBoot64LoaderTest {
  private static final long MIB = 1 << 20;
  private static final byte[] CODE = {(byte) 0x90, (byte) 0xf4, 7, 8};

  private static ElfBuilder kernel() {
    return ElfBuilder.elf64(62).entry(0x100002).segment(0x100000, 0x3000, CODE);
  }

  private static BootRequest request() {
    return BootRequest.of(kernel().file(), 64 * MIB);
  }

  private static void refused(BootRequest request, String message) {
    assertThatThrownBy(() -> BootLoader.plan(request))
        .isInstanceOf(BadGuestException.class)
        .hasMessage(message);
  }

  @Test
  void theKernelIsEnteredInLongModeWithBootParams() {
    BootPlan plan = BootLoader.plan(request().withCommandLine("console=ttyS0 a=1").withCpus(4));
    LoadedGuest guest = new LoadedGuest(plan);
    X86Entry64 entry = (X86Entry64) plan.entry();
    assertThat(entry.rip()).isEqualTo(0x100002);
    assertThat(entry.rsp()).isEqualTo(0x8ff0);
    assertThat(entry.rsi()).isEqualTo(0x7000);
    assertThat(entry.cr0()).isEqualTo(0x80000031L);
    assertThat(entry.cr4()).isEqualTo(0x20);
    assertThat(entry.efer()).as("SCE, LME, LMA, NXE").isEqualTo(0xd01);
    assertThat(guest.bytes(0x100000, 4)).isEqualTo(CODE);
    assertThat(guest.u16(0x71fe)).as("boot_flag").isEqualTo(0xaa55);
    assertThat(guest.u32(0x7202)).as("header").isEqualTo(0x53726448);
    assertThat(guest.u8(0x7210)).as("type_of_loader").isEqualTo(0xff);
    assertThat(guest.u32(0x7228)).as("cmd_line_ptr").isEqualTo(0x20000);
    assertThat(guest.text(0x20000)).isEqualTo("console=ttyS0 a=1 quire.cpus=4");
    assertThat(plan.commandLine()).isEqualTo("console=ttyS0 a=1 quire.cpus=4");
    assertThat(guest.u32(0x7218)).as("ramdisk_image").isZero();
  }

  @Test
  void theGdtHoldsFlatSegmentsAtTheSelectors() {
    BootPlan plan = BootLoader.plan(request());
    LoadedGuest guest = new LoadedGuest(plan);
    X86Entry64 entry = (X86Entry64) plan.entry();
    assertThat(entry.gdtLimit()).isEqualTo(31);
    assertThat(guest.i64(entry.gdtGpa() + entry.codeSelector())).isEqualTo(0x00af9b000000ffffL);
    assertThat(guest.i64(entry.gdtGpa() + entry.dataSelector())).isEqualTo(0x00cf93000000ffffL);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 0x123456, 0x1fffff, 0x200000, 0x40000000, 0x7fe12345, 0xffffffffL})
  void theFirst4GiBAreMappedOneToOne(long address) {
    BootPlan plan = BootLoader.plan(request());
    LoadedGuest guest = new LoadedGuest(plan);
    long table = ((X86Entry64) plan.entry()).cr3();
    for (int shift = 39; shift > 21; shift -= 9) {
      long entry = guest.i64(table + 8 * (address >>> shift & 511));
      assertThat(entry & 0xfff).as("present, writable, a table").isEqualTo(3);
      table = entry & -4096;
    }
    long leaf = guest.i64(table + 8 * (address >>> 21 & 511));
    assertThat(leaf & 0xfff).as("present, writable, large").isEqualTo(0x83);
    assertThat((leaf & -4096) + (address & 0x1fffff)).isEqualTo(address);
  }

  @Test
  void nothingAbove4GiBIsMapped() {
    LoadedGuest guest = new LoadedGuest(BootLoader.plan(request()));
    assertThat(guest.i64(0x9008)).isZero();
    assertThat(guest.i64(0xa020)).isZero();
  }

  private static String e820(LoadedGuest guest) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < guest.u8(0x71e8); i++) {
      long at = 0x72d0 + 20L * i;
      text.append("%x+%x:%d ".formatted(guest.i64(at), guest.i64(at + 8), guest.u32(at + 16)));
    }
    return text.toString().trim();
  }

  @Test
  void theMemoryMapLeavesOutTheFirmwaresAreas() {
    LoadedGuest guest = new LoadedGuest(BootLoader.plan(request()));
    assertThat(e820(guest)).isEqualTo("0+9fc00:1 9fc00+400:2 f0000+10000:2 100000+3f00000:1");
  }

  @Test
  void memoryBeyond3GiBLiesAbove4GiB() {
    BootPlan plan = BootLoader.plan(BootRequest.of(kernel().file(), 5L << 30));
    assertThat(e820(new LoadedGuest(plan)))
        .isEqualTo("0+9fc00:1 9fc00+400:2 f0000+10000:2 100000+bff00000:1 100000000+80000000:1");
    assertThat(plan.ram().ranges())
        .containsExactly(
            new GuestRam.Range(0, 0xc0000000L), new GuestRam.Range(0x100000000L, 0x80000000L));
    assertThat(plan.ram().contains(0xbffff000L, 0x1000)).isTrue();
    assertThat(plan.ram().contains(0xbffff000L, 0x1001)).isFalse();
  }

  @Test
  void theInitrdLiesAtTheTopOfLowMemory() {
    byte[] initrd = {9, 8, 7, 6, 5};
    LoadedGuest guest =
        new LoadedGuest(BootLoader.plan(request().withInitrd(new GuestFile("rd", initrd))));
    assertThat(guest.u32(0x7218)).isEqualTo(64 * MIB - 4096);
    assertThat(guest.u32(0x721c)).isEqualTo(5);
    assertThat(guest.bytes(64 * MIB - 4096, 5)).isEqualTo(initrd);
  }

  @Test
  void anInitrdThatDoesNotFitIsRefused() {
    refused(
        request().withInitrd(new GuestFile("rd", new byte[64 << 20])),
        "rd: an initrd of 67108864 bytes does not fit between the kernel and 0x4000000; give the"
            + " guest more --memory");
    refused(
        request().withInitrd(new GuestFile("rd", new byte[0])),
        "rd: is empty; leave the initrd out");
  }

  @Test
  void aSegmentOutsideRamIsRefused() {
    refused(
        BootRequest.of(
            ElfBuilder.elf64(62).entry(0x4000000).segment(0x4000000, 8, CODE).file(), 64 * MIB),
        "guest.elf: segment 0 (0x8 bytes at 0x4000000) lies outside RAM (0x0-0x4000000); give the"
            + " guest more --memory, or link it elsewhere");
    refused(
        BootRequest.of(kernel().segment(0x200000, -1).file(), 64 * MIB),
        "guest.elf: segment 1 (0xffffffffffffffff bytes at 0x200000) lies outside RAM"
            + " (0x0-0x4000000); give the guest more --memory, or link it elsewhere");
  }

  @Test
  void aSegmentOverTheLoadersOwnStructuresIsRefused() {
    refused(
        BootRequest.of(kernel().segment(0xdfff, 8).file(), 64 * MIB),
        "guest.elf: segment 1 at 0xdfff-0xe007 overlaps the boot page tables at 0x9000-0xf000");
    refused(
        BootRequest.of(kernel().segment(0xf0010, 8).file(), 64 * MIB),
        "guest.elf: the MP table at 0xf0000-0xf00e8 overlaps segment 1 at 0xf0010-0xf0018");
    refused(
        BootRequest.of(kernel().segment(0x101000, 8).file(), 64 * MIB),
        "guest.elf: segment 1 at 0x101000-0x101008 overlaps segment 0 at 0x100000-0x103000");
  }

  @Test
  void whatTheMachineCannotBeIsRefused() {
    GuestFile file = kernel().file();
    refused(
        BootRequest.of(file, 64 * MIB + 1),
        "memory: 67108865 bytes is not a multiple of 4096 from 2097152 to 1099511627776");
    refused(
        BootRequest.of(file, -4096),
        "memory: -4096 bytes is not a multiple of 4096 from 2097152 to 1099511627776");
    refused(request().withCpus(0), "CPUs: 0 are not 1 to 255, which the x86_64 machine has");
    refused(
        request().withArchitecture(GuestArchitecture.ARM64),
        "guest.elf: is ELF64 x86-64 for x86_64, not for arm64");
    refused(
        request().withCommandLine("x".repeat(2040)),
        "command line: 2053 bytes are too many; at most 2047 fit");
    refused(request().withCommandLine("a\0b"), "command line: contains a zero byte");
  }

  @Test
  void anEntryBeyondTheFirst4GiBIsRefused() {
    refused(
        BootRequest.of(
            ElfBuilder.elf64(62).entry(1L << 32).segment(1L << 32, 8, CODE).file(), 8L << 30),
        "guest.elf: entry point 0x100000000 is above the 4 GiB that are mapped at the start");
  }
}
