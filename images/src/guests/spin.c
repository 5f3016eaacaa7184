/* spin: runs for ever, to be stopped from outside. */
#include "guest.h"

void guest_main(void) {
  printf("spinning for ever\n");
  marker("spin");
  for (volatile u64 turns = 0;; turns++) {
  }
}
