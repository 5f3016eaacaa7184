package dev.quire.emulator.boot;

import dev.quire.emulator.boot.BootPlan.Load;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Multiboot 1: an ELF32, or a flat file whose header gives addresses, entered in 32-bit protected
 * mode. Source: Multiboot Specification 0.6.96, sections 3.2 and 3.3.
 */
final class Multiboot1Loader {
  private static final int BOOT_MAGIC = 0x2badb002;

  /** Fields of the flat file's header, from the header's start. */
  private static final int HEADER_GPA = 12;

  private static final int LOAD_GPA = 16;
  private static final int LOAD_END_GPA = 20;
  private static final int BSS_END_GPA = 24;
  private static final int ENTRY_GPA = 28;
  private static final int HEADER_END = 32;

  /** The information structure. */
  private static final int INFO_MEMORY = 1;

  private static final int INFO_COMMAND_LINE = 1 << 2;
  private static final int INFO_MODULES = 1 << 3;
  private static final int INFO_MAP = 1 << 6;
  private static final int INFO_LOADER_NAME = 1 << 9;
  private static final int MAP_OFFSET = 0x100;
  private static final int MAP_ENTRY_BYTES = 24;
  private static final int MODULE_OFFSET = 0x200;
  private static final int NAME_OFFSET = 0x300;

  private static final long KIB = 1024;

  private Multiboot1Loader() {}

  static EntryState load(BootImage image, String commandLine) {
    GuestFile file = image.request().kernel();
    Multiboot1Header header = Multiboot1Header.find(file);
    header.requireUnderstood(file);
    long entry = header.hasAddresses() ? loadFlat(image, file, header) : loadElf(image, file);
    image.add("the command line", PcLayout.COMMAND_LINE_GPA, CommandLine.encode(commandLine));
    Load initrd = LinuxBootParams.addInitrd(image);
    image.add("the Multiboot information", PcLayout.BOOT_INFO_GPA, info(image.ram(), initrd));
    return PcLayout.enter32(image, (int) entry, BOOT_MAGIC, (int) PcLayout.BOOT_INFO_GPA);
  }

  private static long loadElf(BootImage image, GuestFile file) {
    if (!ElfImage.isElf(file)) {
      throw file.bad("has a Multiboot header without addresses, but is no ELF file");
    }
    ElfImage elf = ElfImage.read(file);
    long entry = elf.entryGpa(file);
    elf.loadInto(image, file);
    return entry;
  }

  private static long loadFlat(BootImage image, GuestFile file, Multiboot1Header header) {
    int at = header.offset();
    file.require(at, HEADER_END, "the Multiboot header");
    long loadGpa = file.u32(at + LOAD_GPA);
    long start = at - (file.u32(at + HEADER_GPA) - loadGpa);
    if (start < 0 || start > at) {
      throw file.bad("Multiboot load address 0x%x lies behind its header's address", loadGpa);
    }
    long loadEnd = file.u32(at + LOAD_END_GPA);
    long bytes = loadEnd == 0 ? file.length() - start : loadEnd - loadGpa;
    file.require(start, bytes, "the Multiboot load range");
    long bssEnd = file.u32(at + BSS_END_GPA);
    long memoryBytes = bssEnd == 0 ? bytes : bssEnd - loadGpa;
    if (memoryBytes < bytes) {
      throw file.bad("Multiboot bss end 0x%x lies before the end of what is loaded", bssEnd);
    }
    long entry = file.u32(at + ENTRY_GPA);
    if (entry < loadGpa || entry >= loadGpa + bytes) {
      throw file.bad("Multiboot entry address 0x%x lies outside what is loaded", entry);
    }
    image.add("the kernel", loadGpa, memoryBytes, file.bytes(), (int) start, (int) bytes);
    return entry;
  }

  private static byte[] info(GuestRam ram, Load initrd) {
    ByteBuffer info =
        ByteBuffer.allocate((int) PcLayout.BOOT_INFO_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    int base = (int) PcLayout.BOOT_INFO_GPA;
    int flags = INFO_MEMORY | INFO_COMMAND_LINE | INFO_MAP | INFO_LOADER_NAME;
    long[][] map = LinuxBootParams.e820(ram);
    info.putInt(4, (int) (PcLayout.EBDA_GPA / KIB));
    info.putInt(8, (int) ((ram.low().bytes() - PcLayout.BIOS_END_GPA) / KIB));
    info.putInt(16, (int) PcLayout.COMMAND_LINE_GPA);
    if (initrd != null) {
      flags |= INFO_MODULES;
      info.putInt(20, 1).putInt(24, base + MODULE_OFFSET);
      info.putInt(MODULE_OFFSET, (int) initrd.gpa())
          .putInt(MODULE_OFFSET + 4, (int) initrd.endGpa());
    }
    info.putInt(44, map.length * MAP_ENTRY_BYTES).putInt(48, base + MAP_OFFSET);
    for (int i = 0; i < map.length; i++) {
      int at = MAP_OFFSET + i * MAP_ENTRY_BYTES;
      info.putInt(at, MAP_ENTRY_BYTES - 4).putLong(at + 4, map[i][0]);
      info.putLong(at + 12, map[i][1]).putInt(at + 20, (int) map[i][2]);
    }
    info.putInt(64, base + NAME_OFFSET);
    info.put(NAME_OFFSET, new byte[] {'q', 'u', 'i', 'r', 'e', 0});
    info.putInt(0, flags);
    return info.array();
  }
}
