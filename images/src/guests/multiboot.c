/* multiboot: started in 32-bit protected mode, without paging, by the multiboot protocol. */
#include "cpu.h"
#include "mmu.h"
#include "trap.h"

extern u32 multiboot_cr0;
u64 user_multiboot(u64 a, u64 b);

void guest_main(void) {
  check(multiboot_cr0 & 1 && !(multiboot_cr0 & CR0_PG), "started with CR0 %x", multiboot_cr0);
  printf("started by multiboot in 32-bit protected mode\n");
  check(rdmsr(MSR_EFER) & BIT(10), "EFER.LMA is clear");
  check(cpus[0].id == 0 && this_cpu() == &cpus[0], "per-CPU data");
  u64 result = run_user_default_stack(user_multiboot, 6, 7);
  check(result == 42, "the user program returned %lu, expected 42", result);
  printf("now in long mode; user program returned %lu\n", result);
}
