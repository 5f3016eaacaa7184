#define _GNU_SOURCE
#include "mapped.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "maps.h"
#include "table.h"

/* One file that is kept. */
struct kept {
  struct kept *next;
  struct file *file;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct kept *) first;

/* Whether some of the process's mappings are of the file; true where that cannot be told. */
static bool is_mapped(const struct file *file) {
  struct stat status;
  struct pieces pieces;
  if (syscall(SYS_fstat, file->memory, &status) != 0 || !maps_read(0, UINT64_MAX, &pieces)) {
    return true;
  }
  bool found = false;
  for (size_t i = 0; i < pieces.count && !found; i++) {
    found = pieces.all[i].device == status.st_dev && pieces.all[i].inode == status.st_ino;
  }
  free(pieces.all);
  return found;
}

bool mapped_keep(struct file *file) {
  struct kept *kept = file->memory >= 0 && is_mapped(file) ? malloc(sizeof *kept) : NULL;
  if (kept == NULL) {
    return false;
  }
  kept->file = file;
  pthread_mutex_lock(&lock);
  kept->next = atomic_load(&first);
  atomic_store(&first, kept);
  pthread_mutex_unlock(&lock);
  return true;
}

/* Takes one that is mapped no more off the list; null if there is none. */
static struct kept *take_unmapped(void) {
  pthread_mutex_lock(&lock);
  struct kept *before = NULL;
  struct kept *one = atomic_load(&first);
  while (one != NULL && is_mapped(one->file)) {
    before = one;
    one = one->next;
  }
  if (one != NULL && before != NULL) {
    before->next = one->next;
  } else if (one != NULL) {
    atomic_store(&first, one->next);
  }
  pthread_mutex_unlock(&lock);
  return one;
}

void mapped_changed(void) {
  if (atomic_load_explicit(&first, memory_order_acquire) == NULL || !table_is_owner()) {
    return;
  }
  int saved = errno;
  struct kept *one;
  while ((one = take_unmapped()) != NULL) {
    table_end(one->file);
    free(one);
  }
  errno = saved;
}

void mapped_before_fork(void) { pthread_mutex_lock(&lock); }

void mapped_after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

void mapped_after_fork_in_child(void) {
  struct kept *one = atomic_exchange(&first, NULL);
  while (one != NULL) {
    struct kept *next = one->next;
    free(one->file);
    free(one);
    one = next;
  }
  pthread_mutex_unlock(&lock);
}
