/* panic: the kernel follows a null pointer and its own handler gives up. */
#include "trap.h"

void guest_main(void) {
  printf("reading address zero\n");
  k_read8(0, 0);
}
