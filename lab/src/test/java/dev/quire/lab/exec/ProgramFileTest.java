package dev.quire.lab.exec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProgramFileTest {
  @TempDir Path folder;

  /** A 64-bit ELF header with one program header of a type (3 is PT_INTERP, 1 PT_LOAD). */
  private Path elf(int machine, int type) throws IOException {
    ByteBuffer file = ByteBuffer.allocate(64 + 56).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(0, 0x464c457f).put(4, (byte) 2).putShort(18, (short) machine);
    file.putLong(32, 64).putShort(54, (short) 56).putShort(56, (short) 1);
    file.putInt(64, type);
    return executable("elf" + machine + "-" + type, file.array());
  }

  private Path executable(String name, byte[] contents) throws IOException {
    Path path = Files.write(folder.resolve(name), contents);
    assertThat(path.toFile().setExecutable(true)).isTrue();
    return path;
  }

  @Test
  void theElfHeaderTellsTheArchitecture() throws IOException {
    assertThat(ProgramFile.find(elf(0x3e, 3).toString(), "").arch()).isEqualTo(ProgramArch.X86_64);
    assertThat(ProgramFile.find(elf(0xb7, 3).toString(), "").arch()).isEqualTo(ProgramArch.ARM64);
  }

  @Test
  void aScriptIsForThisMachine() throws IOException {
    Path script = executable("script", "#!/bin/sh\n".getBytes());
    assertThat(ProgramFile.find(script.toString(), "").arch()).isEqualTo(ProgramArch.ofMachine());
  }

  @Test
  void aNameWithoutSlashIsLookedForInPath() throws IOException {
    Path program = executable("client", new byte[0]);
    Files.writeString(folder.resolve("data"), "not executable");
    assertThat(ProgramFile.find("client", "/nowhere:" + folder).path()).isEqualTo(program);
    assertThatThrownBy(() -> ProgramFile.find("data", folder.toString()))
        .isInstanceOf(BadProgramException.class)
        .hasMessage("no program 'data': give its path, or see PATH");
  }

  @Test
  void whatCannotRunIsRefusedWithAReason() throws IOException {
    Path plain = Files.writeString(folder.resolve("plain"), "text");
    assertThatThrownBy(() -> ProgramFile.find(plain.toString(), ""))
        .hasMessageContaining("not executable: chmod +x it");
    assertThatThrownBy(() -> ProgramFile.find(folder.toString() + "/", ""))
        .hasMessageContaining("is a folder");
    assertThatThrownBy(() -> ProgramFile.find(elf(0xf3, 3).toString(), ""))
        .hasMessageContaining("another machine (ELF 243)");
    assertThatThrownBy(() -> ProgramFile.find(elf(0x3e, 1).toString(), ""))
        .hasMessageContaining("statically linked");
  }

  @Test
  void headersThatLieAreNoDynamicPrograms() throws IOException {
    ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(elf(0x3e, 3)));
    file.order(ByteOrder.LITTLE_ENDIAN).putLong(32, Long.MAX_VALUE - 1);
    Path lying = executable("lying", file.array());
    assertThatThrownBy(() -> ProgramFile.find(lying.toString(), ""))
        .isInstanceOf(BadProgramException.class);
  }
}
