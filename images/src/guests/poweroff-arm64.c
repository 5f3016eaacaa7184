/* poweroff: by PSCI. */
#include "platform.h"

void guest_main(void) {
  printf("powering off\n");
  psci(PSCI_SYSTEM_OFF, 0, 0, 0);
  fail("still running");
}
