/*
 * nonce: takes a number that differs from boot to boot, keeps it in memory and nowhere else, and
 * counts. A machine restored from a snapshot goes on with both; one that boots again has another
 * number and counts from one.
 */
#include "guest.h"

u32 boot_nonce(void); /* by the architecture: word 8 of the debug-exit device */

#define WORK 20000

static volatile u64 kept, inverse, counter;

void guest_main(void) {
  u64 ticks = arg_u64("iters", 20);
  kept = (u64)boot_nonce() * 0x9e3779b97f4a7c15ul;
  inverse = ~kept;
  printf("nonce %016lx taken\n", kept);
  for (u64 tick = 1; tick <= ticks; tick++) {
    for (u64 i = 0; i < WORK; i++) {
      counter++;
    }
    printf("nonce %016lx counter %lu\n", kept, counter);
    marker("tick");
  }
  check(kept == ~inverse, "the nonce is not what it was");
  check(counter == ticks * WORK, "the counter is %lu, expected %lu", counter, ticks * WORK);
}
