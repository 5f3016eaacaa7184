/* poweroff: by the ACPI control register. */
#include "cpu.h"

void guest_main(void) {
  printf("powering off\n");
  outw(0x604, 0x2000); /* PM1a control: SLP_EN, S5 */
  fail("still running");
}
