/* Start-up from boot_params, hvm_start_info or multiboot information, the serial line and the debug ports. */
#include "platform.h"

#include "cpu.h"
#include "mmu.h"

struct e820_entry { /* Linux boot protocol, boot_params */
  u64 addr, bytes;
  u32 type;
} __attribute__((packed));

struct hvm_start_info { /* Xen public/arch-x86/hvm/start_info.h, version 1 */
  u32 magic, version, flags, modules;
  u64 modlist_pa, cmdline_pa, rsdp_pa, memmap_pa;
  u32 memmap_entries, reserved;
};

struct hvm_memmap_entry {
  u64 addr, bytes;
  u32 type, reserved;
};

struct multiboot_info { /* Multiboot Specification 0.6.96 */
  u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods[2], syms[4];
  u32 mmap_bytes, mmap_addr;
};

struct multiboot_mmap_entry {
  u32 bytes_that_follow;
  u64 addr, bytes;
  u32 type;
} __attribute__((packed));

#define MULTIBOOT_HAS_CMDLINE BIT(2)
#define MULTIBOOT_HAS_MMAP BIT(6)
#define E820_RAM 1
#define BOOT_PARAMS_E820_ENTRIES 0x1e8
#define BOOT_PARAMS_CMD_LINE_PTR 0x228
#define BOOT_PARAMS_E820_TABLE 0x2d0

extern char image_end[];

/* The end of the RAM range the image stands in. */
static void consider(u64 addr, u64 bytes, u32 type, u64 *end) {
  if (type == E820_RAM && addr <= 1 * MiB && addr + bytes > 1 * MiB) {
    *end = addr + bytes;
  }
}

static u64 parse_boot_params(const u8 *params) {
  u64 end = 0;
  const struct e820_entry *e = (const void *)(params + BOOT_PARAMS_E820_TABLE);
  for (unsigned i = 0; i < params[BOOT_PARAMS_E820_ENTRIES]; i++) {
    consider(e[i].addr, e[i].bytes, e[i].type, &end);
  }
  cmdline_set((const char *)(u64) * (const u32 *)(params + BOOT_PARAMS_CMD_LINE_PTR));
  return end;
}

static u64 parse_pvh(const struct hvm_start_info *info) {
  u64 end = 0;
  const struct hvm_memmap_entry *e = (const void *)info->memmap_pa;
  for (unsigned i = 0; i < info->memmap_entries; i++) {
    consider(e[i].addr, e[i].bytes, e[i].type, &end);
  }
  cmdline_set((const char *)info->cmdline_pa);
  return end;
}

static u64 parse_multiboot(const struct multiboot_info *info) {
  u64 end = 0;
  if (info->flags & MULTIBOOT_HAS_MMAP) {
    for (u32 at = 0; at < info->mmap_bytes;) {
      const struct multiboot_mmap_entry *e = (const void *)(u64)(info->mmap_addr + at);
      consider(e->addr, e->bytes, e->type, &end);
      at += e->bytes_that_follow + 4;
    }
  }
  cmdline_set(info->flags & MULTIBOOT_HAS_CMDLINE ? (const char *)(u64)info->cmdline : "");
  return end;
}

static u64 parse_boot(const void *info, u64 kind) {
  switch (kind) {
    case BOOT_LINUX: return parse_boot_params(info);
    case BOOT_PVH: return parse_pvh(info);
    case BOOT_MULTIBOOT: return parse_multiboot(info);
    default: fail("started by no protocol the guest knows");
  }
}

bool on_tcg(void) {
  struct cpuid c = cpuid(0x40000000, 0);
  return c.ebx == 0x54474354; /* "TCGT" */
}

void x86_start(const void *info, u64 kind) __attribute__((noreturn));
void x86_start(const void *info, u64 kind) {
  outb(PORT_PIC1 + 1, 0xff); /* firmware may have left the interval timer running */
  outb(PORT_PIC2 + 1, 0xff);
  serial_init();
  idt_init();
  cpu_init(0);
  u64 end = parse_boot(info, kind);
  if (end < 4 * MiB) {
    fail("the memory map has no RAM above 1 MiB");
  }
  pages_init(2 * MiB, end);
  cpu_features();
  paging_init();
  strict = arg_u64("strict", !on_tcg());
  run_guest();
}

void serial_init(void) {
  outb(PORT_COM1 + 1, 0);    /* no interrupts */
  outb(PORT_COM1 + 3, 0x80); /* divisor latch */
  outb(PORT_COM1 + 0, 1);    /* 115200 baud */
  outb(PORT_COM1 + 1, 0);
  outb(PORT_COM1 + 3, 0x03); /* 8N1 */
  outb(PORT_COM1 + 2, 0x07); /* FIFO on, cleared */
  outb(PORT_COM1 + 4, 0x0b); /* DTR, RTS, OUT2 */
}

void putchar_console(char c) {
  while (!(inb(PORT_COM1 + 5) & 0x20)) { /* transmitter empty */
  }
  outb(PORT_COM1, (u8)c);
}

void marker_byte(char c) { outb(PORT_MARKER, (u8)c); }

void machine_exit(u32 code) {
  outl(PORT_DEBUG_EXIT, code);
  for (;;) { /* a machine without the device stops here */
    cli();
    __asm__ volatile("hlt");
  }
}
