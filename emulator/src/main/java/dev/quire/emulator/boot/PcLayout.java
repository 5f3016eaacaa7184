package dev.quire.emulator.boot;

import dev.quire.emulator.boot.EntryState.X86Entry32;
import dev.quire.emulator.boot.EntryState.X86Entry64;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the loader puts below 1 MiB on the PC, and the CPU state that goes with it. The places are
 * those of Firecracker's loader (src/vmm/src/arch/x86_64/{layout,regs,gdt}.rs).
 */
final class PcLayout {
  static final long GDT_GPA = 0x500;
  static final long BOOT_INFO_GPA = 0x7000;
  static final long BOOT_INFO_BYTES = 0x1000;
  static final long STACK_GPA = 0x8000;
  static final long STACK_BYTES = 0x1000;
  static final long STACK_TOP_GPA = 0x8ff0;
  static final long PML4_GPA = 0x9000;
  static final long COMMAND_LINE_GPA = 0x20000;
  static final long MP_TABLE_GPA = 0xf0000;

  /** The start of the area that PCs reserve for the BIOS's data, below 640 KiB. */
  static final long EBDA_GPA = 0x9fc00;

  static final long EBDA_END_GPA = 0xa0000;
  static final long BIOS_END_GPA = 0x100000;

  static final int CODE_SELECTOR = 0x10;
  static final int DATA_SELECTOR = 0x18;

  private static final int PAGE_BYTES = 4096;
  private static final long PDPT_GPA = PML4_GPA + PAGE_BYTES;
  private static final long FIRST_PD_GPA = PDPT_GPA + PAGE_BYTES;
  private static final int PDS = 4;
  private static final int ENTRIES = 512;
  private static final long PRESENT_WRITABLE = 3;
  private static final long LARGE = 1 << 7;

  private static final long CR0_PE_ET_NE = 0x31;
  private static final long CR0_PG = 1L << 31;
  private static final long CR4_PAE = 1 << 5;
  private static final long EFER_SCE_LME_LMA_NXE = 0xd01;

  private static final long CODE_64 = 0x00af_9b00_0000_ffffL;
  private static final long CODE_32 = 0x00cf_9b00_0000_ffffL;
  private static final long DATA = 0x00cf_9300_0000_ffffL;

  private PcLayout() {}

  /** Long mode with the first 4 GiB mapped one to one by 2 MiB pages. */
  static X86Entry64 enter64(BootImage image, long rip, long rsi) {
    byte[] gdt = gdt(CODE_64);
    image.add("the boot GDT", GDT_GPA, gdt);
    image.add("the boot page tables", PML4_GPA, pageTables());
    image.reserve("the boot stack", STACK_GPA, STACK_BYTES);
    return new X86Entry64(
        rip,
        rsi,
        STACK_TOP_GPA,
        CR0_PG | CR0_PE_ET_NE,
        PML4_GPA,
        CR4_PAE,
        EFER_SCE_LME_LMA_NXE,
        GDT_GPA,
        gdt.length - 1,
        CODE_SELECTOR,
        DATA_SELECTOR);
  }

  /** 32-bit protected mode with flat segments. */
  static X86Entry32 enter32(BootImage image, int eip, int eax, int ebx) {
    byte[] gdt = gdt(CODE_32);
    image.add("the boot GDT", GDT_GPA, gdt);
    return new X86Entry32(
        eip, eax, ebx, CR0_PE_ET_NE, GDT_GPA, gdt.length - 1, CODE_SELECTOR, DATA_SELECTOR);
  }

  private static byte[] gdt(long code) {
    return ByteBuffer.allocate(32)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(CODE_SELECTOR, code)
        .putLong(DATA_SELECTOR, DATA)
        .array();
  }

  private static byte[] pageTables() {
    ByteBuffer tables = ByteBuffer.allocate((2 + PDS) * PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    tables.putLong(0, PDPT_GPA | PRESENT_WRITABLE);
    for (int pd = 0; pd < PDS; pd++) {
      long pdGpa = FIRST_PD_GPA + (long) pd * PAGE_BYTES;
      tables.putLong(PAGE_BYTES + 8 * pd, pdGpa | PRESENT_WRITABLE);
    }
    for (int page = 0; page < PDS * ENTRIES; page++) {
      tables.putLong(2 * PAGE_BYTES + 8 * page, (long) page << 21 | LARGE | PRESENT_WRITABLE);
    }
    return tables.array();
  }
}
