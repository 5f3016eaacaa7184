package dev.quire.emulator.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class GuestFileTypeTest {
  private static GuestFile file(byte... bytes) {
    return new GuestFile("f", bytes);
  }

  @Test
  void elf64IsToldByItsMachine() {
    assertThat(GuestFileType.detect(ElfBuilder.elf64(62).segment(0, 1).file()))
        .isEqualTo(GuestFileType.ELF64_X86_64);
    assertThat(GuestFileType.detect(ElfBuilder.elf64(183).segment(0, 1).file()))
        .isEqualTo(GuestFileType.ELF64_ARM64);
  }

  @Test
  void anElf32NeedsAMultibootHeader() {
    byte[] header = Multiboot1LoaderTest.header(0);
    assertThat(GuestFileType.detect(ElfBuilder.elf32(3).prefix(header).segment(0, 1).file()))
        .isEqualTo(GuestFileType.MULTIBOOT1);
    assertThatThrownBy(() -> GuestFileType.detect(ElfBuilder.elf32(3).segment(0, 1).file()))
        .hasMessage(
            "guest.elf: is an ELF32 x86 executable without a Multiboot 1 header in its first"
                + " 8192 bytes");
  }

  static Stream<Arguments> foreign() {
    return Stream.of(
        Arguments.of(ElfBuilder.elf64(243).segment(0, 1).build(), "ELF64 file for RISC-V"),
        Arguments.of(ElfBuilder.elf32(62).segment(0, 1).build(), "x86-64 (the x32 format)"),
        Arguments.of(ElfBuilder.elf32(40).segment(0, 1).build(), "ELF32 file for 32-bit Arm"),
        Arguments.of(ElfBuilder.elf64(999).segment(0, 1).build(), "ELF machine 999"),
        Arguments.of(new byte[0], "is empty; expected an ELF executable"),
        Arguments.of(new byte[] {0x7f}, "starts with bytes 7f"),
        Arguments.of(new byte[] {0x1f, (byte) 0x8b, 8, 0}, "compressed with gzip"),
        Arguments.of(new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd}, "compressed with zstd"),
        Arguments.of("#!/bin/sh\n".getBytes(StandardCharsets.US_ASCII), "is a script"),
        Arguments.of("MZ.......".getBytes(StandardCharsets.US_ASCII), "is an EFI or DOS program"),
        Arguments.of(new byte[100], "is no guest that can be booted (it starts with bytes 00"));
  }

  @ParameterizedTest
  @MethodSource("foreign")
  void whatCannotBeBootedIsNamed(byte[] content, String message) {
    assertThatThrownBy(() -> GuestFileType.detect(file(content)))
        .isInstanceOf(BadGuestException.class)
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }

  @Test
  void filesThatCannotBeReadAreNamed(@TempDir Path folder) throws Exception {
    assertThatThrownBy(() -> GuestFile.read(folder)).hasMessageContaining("is a directory");
    Path missing = folder.resolve("missing");
    assertThatThrownBy(() -> GuestFile.read(missing)).hasMessage(missing + ": no such file");
    Path small = Files.write(folder.resolve("small"), new byte[] {1, 2, 3});
    assertThat(GuestFile.read(small).bytes()).containsExactly(1, 2, 3);
  }
}
