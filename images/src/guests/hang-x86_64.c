/* hang: halts with interrupts off. */
#include "cpu.h"

void guest_main(void) {
  printf("halting with interrupts off\n");
  for (;;) {
    cli();
    __asm__ volatile("hlt");
  }
}
