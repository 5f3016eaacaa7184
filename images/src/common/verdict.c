/* Checks and the last line. */
#include "guest.h"

bool strict;
static unsigned failed;

unsigned checks_failed(void) { return failed; }

bool check(bool ok, const char *format, ...) {
  if (ok) {
    return true;
  }
  failed++;
  printf("WRONG ");
  va_list args;
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
  return false;
}

void finish(void) {
  if (failed) {
    printf("FAIL %s: %u checks failed\n", guest_name, failed);
    machine_exit(1);
  }
  printf("PASS %s\n", guest_name);
  machine_exit(0);
}

void fail(const char *format, ...) {
  printf("FAIL %s: ", guest_name);
  va_list args;
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
  machine_exit(2);
}

void run_guest(void) {
  guest_main();
  finish();
}

void marker(const char *name) {
  for (; *name; name++) {
    marker_byte(*name);
  }
  marker_byte('\n');
}
