#define _GNU_SOURCE
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "real.h"

void report_once(atomic_flag *said, const char *format, ...) {
  if (atomic_flag_test_and_set(said)) {
    return;
  }
  int saved = errno;
  char line[512] = "quire: ";
  const int prefix = 7;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line + prefix, sizeof line - prefix - 1, format, arguments);
  va_end(arguments);
  if (length >= 0) {
    size_t end = (size_t)(prefix + length);
    if (end > sizeof line - 2) {
      end = sizeof line - 2;
    }
    line[end] = '\n';
    if (real()->write(STDERR_FILENO, line, end + 1) < 0) {
      errno = saved; /* nobody to tell */
    }
  }
  errno = saved;
}
