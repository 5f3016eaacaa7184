package dev.quire.emulator.boot;

import dev.quire.emulator.boot.BootPlan.Load;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The "zero page" (struct boot_params) and what it points to: command line, initrd, e820 map.
 * Source: Linux Documentation/arch/x86/{boot,zero-page}.rst, v6.18.
 */
final class LinuxBootParams {
  private static final int E820_COUNT = 0x1e8;
  private static final int SETUP_HEADER = 0x1f1;
  private static final int BOOT_FLAG = 0x1fe;
  private static final int HEADER_MAGIC = 0x202;
  private static final int VERSION = 0x206;
  private static final int LOADER_TYPE = 0x210;
  private static final int LOADFLAGS = 0x211;
  private static final int RAMDISK_IMAGE = 0x218;
  private static final int RAMDISK_BYTES = 0x21c;
  private static final int COMMAND_LINE_POINTER = 0x228;
  private static final int KERNEL_ALIGNMENT = 0x230;
  private static final int COMMAND_LINE_BYTES = 0x238;
  private static final int E820_TABLE = 0x2d0;
  private static final int E820_ENTRY_BYTES = 20;

  private static final int HDRS = 0x53726448;
  private static final int PROTOCOL_2_15 = 0x20f;
  private static final int LOADED_HIGH = 1;
  private static final int LOADER_UNDEFINED = 0xff;
  private static final int E820_RAM = 1;
  private static final int E820_RESERVED = 2;

  /** Highest address of an initrd that every kernel accepts (initrd_addr_max). */
  private static final long INITRD_LIMIT_GPA = 0x3800_0000L;

  private static final long PAGE_BYTES = 4096;

  private final ByteBuffer page =
      ByteBuffer.allocate((int) PcLayout.BOOT_INFO_BYTES).order(ByteOrder.LITTLE_ENDIAN);

  /** For a kernel without a setup header of its own. */
  LinuxBootParams() {
    page.putShort(BOOT_FLAG, (short) 0xaa55);
    page.putInt(HEADER_MAGIC, HDRS);
    page.putShort(VERSION, (short) PROTOCOL_2_15);
    page.put(LOADFLAGS, (byte) LOADED_HIGH);
    page.putInt(KERNEL_ALIGNMENT, 0x100_0000);
  }

  /** With a copy of a bzImage's setup header, {@code bytes} long from 0x1f1. */
  LinuxBootParams(byte[] file, int bytes) {
    page.put(SETUP_HEADER, file, SETUP_HEADER, bytes);
  }

  /** Completes the page and adds it and all it points to. The kernel must be in place already. */
  void addTo(BootImage image, String commandLine) {
    byte[] line = CommandLine.encode(commandLine);
    image.add("the command line", PcLayout.COMMAND_LINE_GPA, line);
    page.put(LOADER_TYPE, (byte) LOADER_UNDEFINED);
    page.putInt(COMMAND_LINE_POINTER, (int) PcLayout.COMMAND_LINE_GPA);
    page.putInt(COMMAND_LINE_BYTES, CommandLine.MAX_BYTES - 1);
    Load initrd = addInitrd(image);
    if (initrd != null) {
      page.putInt(RAMDISK_IMAGE, (int) initrd.gpa());
      page.putInt(RAMDISK_BYTES, initrd.bytes());
    }
    putE820(image.ram());
    image.add("boot_params", PcLayout.BOOT_INFO_GPA, page.array());
  }

  /** Puts the initrd at the top of low RAM, as far up as kernels accept; null without one. */
  static Load addInitrd(BootImage image) {
    GuestFile initrd = image.request().initrd();
    if (initrd == null) {
      return null;
    }
    long top = Math.min(image.ram().low().endGpa(), INITRD_LIMIT_GPA);
    long gpa = top - initrd.length() & -PAGE_BYTES;
    if (!image.isFree(gpa, initrd.length())) {
      throw initrd.bad(
          "an initrd of %d bytes does not fit between the kernel and 0x%x; give the guest more"
              + " --memory",
          initrd.length(), top);
    }
    image.add("the initrd", gpa, initrd.bytes());
    return image.loads().getLast();
  }

  /** The memory map: RAM but for the firmware's areas below 1 MiB. */
  static long[][] e820(GuestRam ram) {
    long[][] map = new long[ram.ranges().size() + 3][];
    map[0] = new long[] {0, PcLayout.EBDA_GPA, E820_RAM};
    map[1] =
        new long[] {PcLayout.EBDA_GPA, PcLayout.EBDA_END_GPA - PcLayout.EBDA_GPA, E820_RESERVED};
    map[2] =
        new long[] {
          PcLayout.MP_TABLE_GPA, PcLayout.BIOS_END_GPA - PcLayout.MP_TABLE_GPA, E820_RESERVED
        };
    map[3] =
        new long[] {PcLayout.BIOS_END_GPA, ram.low().bytes() - PcLayout.BIOS_END_GPA, E820_RAM};
    for (int i = 1; i < ram.ranges().size(); i++) {
      GuestRam.Range range = ram.ranges().get(i);
      map[3 + i] = new long[] {range.gpa(), range.bytes(), E820_RAM};
    }
    return map;
  }

  private void putE820(GuestRam ram) {
    long[][] map = e820(ram);
    page.put(E820_COUNT, (byte) map.length);
    for (int i = 0; i < map.length; i++) {
      int at = E820_TABLE + i * E820_ENTRY_BYTES;
      page.putLong(at, map[i][0]).putLong(at + 8, map[i][1]).putInt(at + 16, (int) map[i][2]);
    }
  }
}
