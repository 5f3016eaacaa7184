/* triplefault: an exception without an interrupt table to take it. */
#include "cpu.h"

void guest_main(void) {
  static const struct __attribute__((packed)) {
    u16 limit;
    u64 base;
  } empty;
  printf("taking an exception with an empty interrupt table\n");
  __asm__ volatile("lidt %0; ud2" ::"m"(empty));
}
