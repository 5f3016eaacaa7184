#define _GNU_SOURCE
#include "real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

const struct real *real(void) {
  static struct real table;
  static atomic_bool filled;
  if (!atomic_load_explicit(&filled, memory_order_acquire)) {
    /* Two threads at once store the same pointers. */
#define QUIRE_REAL_FIND(result, name, parameters) \
  do { \
    void *found = dlsym(RTLD_NEXT, #name); \
    memcpy(&table.name, &found, sizeof table.name); \
  } while (0);
    QUIRE_REAL_FUNCTIONS(QUIRE_REAL_FIND)
#undef QUIRE_REAL_FIND
    atomic_store_explicit(&filled, 1, memory_order_release);
  }
  return &table;
}
