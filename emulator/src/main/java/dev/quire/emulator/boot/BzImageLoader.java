package dev.quire.emulator.boot;

/**
 * A Linux bzImage entered at its 64-bit entry point (Documentation/arch/x86/boot.rst, protocol 2.12
 * and later): the protected-mode part is loaded at 1 MiB or above and started 0x200 bytes in.
 */
final class BzImageLoader {
  private static final int SETUP_SECTORS = 0x1f1;
  private static final int BOOT_FLAG = 0x1fe;
  private static final int HEADER_LENGTH = 0x201;
  private static final int HEADER_MAGIC = 0x202;
  private static final int VERSION = 0x206;
  private static final int LOADFLAGS = 0x211;
  private static final int KERNEL_ALIGNMENT = 0x230;
  private static final int RELOCATABLE = 0x234;
  private static final int XLOADFLAGS = 0x236;
  private static final int PREFERRED_GPA = 0x258;
  private static final int INIT_BYTES = 0x260;
  private static final int HEADER_END = 0x264;

  private static final int SECTOR_BYTES = 512;
  private static final int DEFAULT_SETUP_SECTORS = 4;
  private static final int HDRS = 0x53726448;
  private static final int PROTOCOL_2_12 = 0x20c;
  private static final int LOADED_HIGH = 1;
  private static final int XLF_KERNEL_64 = 1;
  private static final int ENTRY_64_OFFSET = 0x200;

  private BzImageLoader() {}

  static boolean isBzImage(GuestFile file) {
    return file.has(0, HEADER_MAGIC + 4)
        && file.u16(BOOT_FLAG) == 0xaa55
        && file.i32(HEADER_MAGIC) == HDRS;
  }

  static EntryState load(BootImage image, String commandLine) {
    GuestFile file = image.request().kernel();
    file.require(0, HEADER_END, "the setup header");
    int version = file.u16(VERSION);
    if (version < PROTOCOL_2_12
        || (file.u8(LOADFLAGS) & LOADED_HIGH) == 0
        || (file.u16(XLOADFLAGS) & XLF_KERNEL_64) == 0) {
      throw file.bad(
          "bzImage of boot protocol %d.%02d has no 64-bit entry; use a 64-bit kernel of Linux 3.8"
              + " or later",
          version >>> 8, version & 0xff);
    }
    int sectors = file.u8(SETUP_SECTORS) == 0 ? DEFAULT_SETUP_SECTORS : file.u8(SETUP_SECTORS);
    int kernelOffset = (sectors + 1) * SECTOR_BYTES;
    file.require(kernelOffset, ENTRY_64_OFFSET + 1, "the protected-mode kernel");
    int kernelBytes = file.length() - kernelOffset;
    long gpa = loadGpa(file);
    long memoryBytes = Math.max(kernelBytes, file.u32(INIT_BYTES));
    EntryState state = PcLayout.enter64(image, gpa + ENTRY_64_OFFSET, PcLayout.BOOT_INFO_GPA);
    image.add("the kernel", gpa, memoryBytes, file.bytes(), kernelOffset, kernelBytes);
    new LinuxBootParams(file.bytes(), headerBytes(file)).addTo(image, commandLine);
    return state;
  }

  /** Where the kernel wants to be: pref_address, which needs no relocation. */
  private static long loadGpa(GuestFile file) {
    long preferred = file.i64(PREFERRED_GPA);
    long alignment = file.u32(KERNEL_ALIGNMENT);
    boolean relocatable = file.u8(RELOCATABLE) != 0;
    if (preferred < PcLayout.BIOS_END_GPA
        || preferred >= GuestRam.PC_LOW_LIMIT_GPA
        || relocatable && (Long.bitCount(alignment) != 1 || preferred % alignment != 0)) {
      throw file.bad(
          "preferred load address 0x%x (alignment 0x%x) is no use", preferred, alignment);
    }
    return preferred;
  }

  /** The setup header goes from 0x1f1 to 0x202 and as many bytes more as the byte at 0x201 says. */
  private static int headerBytes(GuestFile file) {
    int bytes = HEADER_MAGIC + file.u8(HEADER_LENGTH) - SETUP_SECTORS;
    file.require(SETUP_SECTORS, bytes, "the setup header");
    return Math.min(bytes, 0x290 - SETUP_SECTORS);
  }
}
