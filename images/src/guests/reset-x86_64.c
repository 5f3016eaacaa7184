/* reset: by the keyboard controller. */
#include "cpu.h"

void guest_main(void) {
  printf("resetting\n");
  outb(0x64, 0xfe);
  for (u64 wait = rdtsc(); rdtsc() - wait < 1000000000;) { /* the pulse takes a moment */
  }
  fail("still running");
}
