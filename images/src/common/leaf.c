#include "mmu.h"

const struct leaf *leaf_by_name(const char *name) {
  for (unsigned i = 0; i < leaf_kind_count; i++) {
    if (!strcmp(leaf_kinds[i].name, name)) {
      return &leaf_kinds[i];
    }
  }
  printf("page sizes here:");
  for (unsigned i = 0; i < leaf_kind_count; i++) {
    printf(" %s", leaf_kinds[i].name);
  }
  printf("\n");
  fail("no such page size: %s", name);
}
