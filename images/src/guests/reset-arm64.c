/* reset: by PSCI. */
#include "platform.h"

void guest_main(void) {
  printf("resetting\n");
  psci(PSCI_SYSTEM_RESET, 0, 0, 0);
  fail("still running");
}
