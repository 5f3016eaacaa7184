package dev.quire.emulator.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.boot.EntryState.X86Entry32;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class Multiboot1LoaderTest {
  private static final long MIB = 1 << 20;

  /** A Multiboot header and, with bit 16, its addresses. */
  static byte[] header(int flags, int... addresses) {
    ByteBuffer header =
        ByteBuffer.allocate(12 + 4 * addresses.length).order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(0x1badb002).putInt(flags).putInt(-(0x1badb002 + flags));
    for (int address : addresses) {
      header.putInt(address);
    }
    return header.array();
  }

  private static GuestFile elf(int flags) {
    return ElfBuilder.elf32(3)
        .entry(0x100004)
        .prefix(header(flags))
        .segment(0x100000, 0x2000, (byte) 1, (byte) 2)
        .file();
  }

  @Test
  void anElf32IsEnteredInProtectedModeWithTheInformation() {
    BootPlan plan =
        BootLoader.plan(BootRequest.of(elf(3), 32 * MIB).withCommandLine("x").withCpus(2));
    LoadedGuest guest = new LoadedGuest(plan);
    X86Entry32 entry = (X86Entry32) plan.entry();
    assertThat(entry.eip()).isEqualTo(0x100004);
    assertThat(entry.eax()).isEqualTo(0x2badb002);
    assertThat(entry.cr0()).isEqualTo(0x31);
    assertThat(guest.i64(entry.gdtGpa() + entry.codeSelector())).isEqualTo(0x00cf9b000000ffffL);
    long info = entry.ebx();
    assertThat(guest.u32(info)).as("memory, command line, map, name").isEqualTo(0x245);
    assertThat(guest.u32(info + 4)).as("KiB below 640").isEqualTo(639);
    assertThat(guest.u32(info + 8)).as("KiB above 1 MiB").isEqualTo(31 * 1024);
    assertThat(guest.text(guest.u32(info + 16))).isEqualTo("x quire.cpus=2");
    assertThat(guest.text(guest.u32(info + 64))).isEqualTo("quire");
    assertThat(guest.u8(0xf0000)).as("the MP table").isEqualTo('_');
  }

  @Test
  void theMemoryMapIsWalkedByItsSizes() {
    BootPlan plan = BootLoader.plan(BootRequest.of(elf(0), 4L << 30));
    LoadedGuest guest = new LoadedGuest(plan);
    long info = ((X86Entry32) plan.entry()).ebx();
    long at = guest.u32(info + 48);
    long end = at + guest.u32(info + 44);
    StringBuilder map = new StringBuilder();
    while (at < end) {
      map.append("%x+%x:%d ".formatted(guest.i64(at + 4), guest.i64(at + 12), guest.u32(at + 20)));
      at += guest.u32(at) + 4;
    }
    assertThat(map)
        .hasToString("0+9fc00:1 9fc00+400:2 f0000+10000:2 100000+bff00000:1 100000000+40000000:1 ");
  }

  @Test
  void anInitrdIsAModule() {
    BootPlan plan =
        BootLoader.plan(
            BootRequest.of(elf(3), 32 * MIB).withInitrd(new GuestFile("rd", new byte[] {4, 5})));
    LoadedGuest guest = new LoadedGuest(plan);
    long info = ((X86Entry32) plan.entry()).ebx();
    assertThat(guest.u32(info) & 8).isEqualTo(8);
    assertThat(guest.u32(info + 20)).isEqualTo(1);
    long module = guest.u32(info + 24);
    assertThat(guest.u32(module)).isEqualTo(32 * MIB - 4096);
    assertThat(guest.u32(module + 4)).isEqualTo(32 * MIB - 4096 + 2);
    assertThat(guest.bytes(guest.u32(module), 2)).containsExactly(4, 5);
  }

  @Test
  void aFlatFileIsLoadedByTheAddressesInItsHeader() {
    byte[] file = Arrays.copyOf(new byte[16], 200);
    byte[] header = header(1 << 16, 0x200010, 0x200000, 0x2000b0, 0x201000, 0x200030);
    System.arraycopy(header, 0, file, 16, header.length);
    file[0x33] = 77;
    BootPlan plan = BootLoader.plan(BootRequest.of(new GuestFile("flat", file), 32 * MIB));
    assertThat(((X86Entry32) plan.entry()).eip()).isEqualTo(0x200030);
    assertThat(new LoadedGuest(plan).u8(0x200033)).isEqualTo(77);
    assertThat(plan.loads())
        .anySatisfy(
            load -> {
              assertThat(load.gpa()).isEqualTo(0x200000);
              assertThat(load.bytes()).isEqualTo(0xb0);
              assertThat(load.memoryBytes()).isEqualTo(0x1000);
            });
  }

  private static void flatRefused(String message, int... addresses) {
    byte[] file = Arrays.copyOf(header(1 << 16, addresses), 200);
    assertThatThrownBy(() -> BootLoader.plan(BootRequest.of(new GuestFile("flat", file), 32 * MIB)))
        .isInstanceOf(BadGuestException.class)
        .hasMessageContaining(message);
  }

  @Test
  void addressesThatContradictEachOtherAreRefused() {
    flatRefused("lies behind its header's address", 0x1000, 0x200000, 0, 0, 0x200000);
    flatRefused("the Multiboot load range needs", 0x200000, 0x200000, 0x300000, 0, 0x200000);
    flatRefused("bss end 0x200010", 0x200000, 0x200000, 0x200020, 0x200010, 0x200000);
    flatRefused("entry address 0x1fffff", 0x200000, 0x200000, 0x200020, 0, 0x1fffff);
    flatRefused("lies outside RAM", 0x2000000, 0x2000000, 0, 0, 0x2000000);
  }

  @Test
  void unknownRequirementsAndMissingAddressesAreRefused() {
    assertThatThrownBy(() -> BootLoader.plan(BootRequest.of(elf(0x48), 32 * MIB)))
        .hasMessageContaining("asks for features 0x48, which are not supported");
    GuestFile flat = new GuestFile("flat", Arrays.copyOf(header(0), 100));
    assertThatThrownBy(() -> BootLoader.plan(BootRequest.of(flat, 32 * MIB)))
        .hasMessage("flat: has a Multiboot header without addresses, but is no ELF file");
  }
}
