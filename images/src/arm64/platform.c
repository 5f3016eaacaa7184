/* Start-up, console and the ways to end the machine. */
#include "platform.h"

#include "cpu.h"
#include "fdt.h"
#include "mmu.h"

static struct machine machine;

u64 psci(u64 function, u64 a, u64 b, u64 c) {
  register u64 x0 __asm__("x0") = function;
  register u64 x1 __asm__("x1") = a;
  register u64 x2 __asm__("x2") = b;
  register u64 x3 __asm__("x3") = c;
  if (machine.psci_smc) {
    __asm__ volatile(".inst 0xd4000003" /* smc #0 */
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
  } else {
    __asm__ volatile(".inst 0xd4000002" /* hvc #0 */
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
  }
  return x0;
}

unsigned cpus_present(void) { return machine.cpus; }
unsigned cpu_mpidr(unsigned id) { return machine.mpidr[id]; }

void arm64_start(const void *dtb) __attribute__((noreturn));
void arm64_start(const void *dtb) {
  cpu_init(0);
  const char *problem = fdt_parse(dtb, &machine);
  if (problem) {
    fail("device tree: %s", problem);
  }
  cmdline_set(machine.bootargs);
  strict = arg_u64("strict", machine.debug_exit != 0);
  pages_init(RAM_PA + 2 * MiB, RAM_PA + machine.ram_bytes);
  paging_init();
  run_guest();
}

void putchar_console(char c) {
  while (mmio_read(UART_PA + 0x18) & BIT(5)) { /* FR.TXFF */
  }
  mmio_write(UART_PA, (u8)c);
}

void marker_byte(char c) {
  if (machine.debug_exit) {
    mmio_write(machine.debug_exit + 4, (u8)c);
  }
}

void machine_exit(u32 code) {
  if (machine.debug_exit) {
    mmio_write(machine.debug_exit, code);
  }
  psci(PSCI_SYSTEM_OFF, 0, 0, 0);
  for (;;) {
    __asm__ volatile("wfi");
  }
}
