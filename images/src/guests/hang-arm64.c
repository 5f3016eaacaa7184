/* hang: waits for an interrupt that nothing raises. */
#include "cpu.h"

void guest_main(void) {
  printf("halting with interrupts off\n");
  for (;;) {
    __asm__ volatile("msr daifset, #15; wfi");
  }
}
