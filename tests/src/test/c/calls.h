/* How a client's program speaks of its calls. */
#ifndef CALLS_H
#define CALLS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a call returned; the program ends where it must not fail and did. */
static inline int check(int result, const char *what) {
  if (result < 0) {
    printf("%s: %s\n", what, strerror(errno));
    exit(1);
  }
  return result;
}

static inline void tell(const char *what, long result) {
  printf("%s %ld%s%s\n", what, result < 0 ? -1L : result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
}

#endif
