package dev.quire.emulator.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ElfImageTest {
  private static final byte[] CODE = {1, 2, 3, 4};

  private static byte[] good() {
    return ElfBuilder.elf64(62)
        .entry(0x100001)
        .segment(0x100000, 16, CODE)
        .segment(0x200000, 0)
        .segment(0x300000, 32)
        .build();
  }

  private static ByteBuffer edit(byte[] file) {
    return ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void refused(byte[] file, String message) {
    assertThatThrownBy(() -> ElfImage.read(new GuestFile("x.elf", file)))
        .isInstanceOf(BadGuestException.class)
        .hasMessage("x.elf: " + message);
  }

  @Test
  void segmentsWithMemoryAreKeptWithTheirNumbers() {
    ElfImage elf = ElfImage.read(new GuestFile("x", good()));
    assertThat(elf.is64()).isTrue();
    assertThat(elf.machine()).isEqualTo(62);
    assertThat(elf.segments())
        .containsExactly(
            new ElfImage.Segment(0, 7, 232, 0x100000, 0x100000, 4, 16),
            new ElfImage.Segment(2, 7, 0, 0x300000, 0x300000, 0, 32));
  }

  @Test
  void bothClassesAreReadAlike() {
    byte[] file = ElfBuilder.elf32(3).entry(0xfff00002L).segment(0xfff00000L, 0x1000, CODE).build();
    ElfImage elf = ElfImage.read(new GuestFile("x", file));
    assertThat(elf.is64()).isFalse();
    assertThat(elf.entry()).isEqualTo(0xfff00002L);
    assertThat(elf.segments().getFirst())
        .isEqualTo(new ElfImage.Segment(0, 7, 84, 0xfff00000L, 0xfff00000L, 4, 0x1000));
  }

  @Test
  void aVirtualEntryIsTranslatedAndAPhysicalOneIsKept() {
    GuestFile file =
        ElfBuilder.elf64(62)
            .entry(0xffffffff81000010L)
            .segment(0xffffffff81000000L, 0x1000000, 4096, CODE)
            .file();
    assertThat(ElfImage.read(file).entryGpa(file)).isEqualTo(0x1000010);
    GuestFile physical =
        ElfBuilder.elf64(62)
            .entry(0x1000010)
            .segment(0xffffffff81000000L, 0x1000000, 4096, CODE)
            .file();
    assertThat(ElfImage.read(physical).entryGpa(physical)).isEqualTo(0x1000010);
    GuestFile nowhere = ElfBuilder.elf64(62).entry(5).segment(0x1000, 8, CODE).file();
    assertThatThrownBy(() -> ElfImage.read(nowhere).entryGpa(nowhere))
        .hasMessage("guest.elf: entry point 0x5 lies in no loadable segment");
  }

  @Test
  void everyTruncationIsNoticed() {
    byte[] file = ElfBuilder.elf64(62).entry(0x100000).segment(0x100000, 16, CODE).build();
    for (int length = 4; length < file.length; length++) {
      byte[] cut = Arrays.copyOf(file, length);
      assertThatThrownBy(() -> ElfImage.read(new GuestFile("x", cut)))
          .isInstanceOf(BadGuestException.class)
          .hasMessageContaining("is it truncated?");
    }
  }

  @Test
  void eachBadFieldIsNamedWithItsPlace() {
    byte[] file = good();
    file[4] = 3;
    refused(file, "ELF class 3 at file offset 4 is neither 1 (32-bit) nor 2 (64-bit)");
    file = good();
    file[5] = 2;
    refused(file, "ELF data encoding 2 at file offset 5 is not 1 (little-endian)");
    file = good();
    edit(file).putShort(16, (short) 3);
    refused(
        file,
        "ELF type 3 (position-independent or shared) is not 2 (a fully linked executable);"
            + " link with -static -no-pie");
    file = good();
    edit(file).putShort(56, (short) 0);
    refused(file, "0 ELF program headers; expected 1 to 512");
    file = good();
    edit(file).putShort(56, (short) 0xffff);
    refused(file, "65535 ELF program headers; expected 1 to 512");
    file = good();
    edit(file).putShort(54, (short) 32);
    refused(file, "ELF program headers of 32 bytes; expected 56");
    file = good();
    edit(file).putLong(32, -56);
    refused(
        file,
        "the ELF program header table needs 168 bytes at file offset 0xffffffffffffffc8,"
            + " but the file has 236 bytes; is it truncated?");
    file = good();
    edit(file).putLong(64 + 32, 17);
    refused(
        file,
        "segment 0 needs 17 bytes at file offset 0xe8, but the file has 236 bytes; is it"
            + " truncated?");
    file = good();
    edit(file).putLong(64 + 32, -1);
    refused(
        file,
        "segment 0 needs 18446744073709551615 bytes at file offset 0xe8, but the file has 236"
            + " bytes; is it truncated?");
    file = good();
    edit(file).putLong(64 + 40, 3);
    refused(file, "segment 0 has 0x4 bytes in the file but only 0x3 in memory");
    file = good();
    for (int header = 0; header < 3; header++) {
      edit(file).putInt(64 + 56 * header, 4);
    }
    refused(file, "none of the 3 ELF program headers is loadable");
  }
}
