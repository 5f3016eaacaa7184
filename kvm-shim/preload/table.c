#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "connection.h"
#include "mapped.h"
#include "real.h"

enum { NUMBERS = 1 << 16, HIDDEN_ABOVE_END = 256, USUAL_LIMIT = 1024 };

/* The process whose numbers these are. A vfork's child sees this memory with a descriptor table of its own, which stays
   out of it: to such a child the numbers are ordinary files. 0 until there is a number. */
static _Atomic pid_t owner;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct file *) numbers[NUMBERS];

/* Stands in `numbers` for the library's own descriptors. */
static struct file hidden;

static bool in_range(int number) { return number >= 0 && number < NUMBERS; }

bool table_knows(int number) {
  return in_range(number) && atomic_load_explicit(&numbers[number], memory_order_acquire) != NULL;
}

bool table_is_owner(void) { return getpid() == atomic_load(&owner); }

bool table_is_hidden(int number) {
  return in_range(number) && atomic_load_explicit(&numbers[number], memory_order_acquire) == &hidden;
}

struct file *table_hold(int number) {
  if (!table_knows(number) || getpid() != atomic_load(&owner)) {
    return NULL;
  }
  pthread_mutex_lock(&lock);
  struct file *file = atomic_load(&numbers[number]);
  if (file == &hidden) {
    file = NULL;
  }
  if (file != NULL) {
    file->holders++;
  }
  pthread_mutex_unlock(&lock);
  return file;
}

void table_release(struct file *file) {
  pthread_mutex_lock(&lock);
  bool last = --file->holders == 0;
  pthread_mutex_unlock(&lock);
  if (last && (file->generation != process_generation() || !mapped_keep(file))) {
    table_end(file);
  }
}

void table_end(struct file *file) {
  if (file->generation == process_generation()) {
    process_close(file);
    if (file->memory >= 0) {
      table_close_hidden(file->memory);
    }
  }
  free(file);
}

void table_assign(int copy, struct file *file) {
  if (!in_range(copy)) {
    return;
  }
  pid_t unowned = 0;
  atomic_compare_exchange_strong(&owner, &unowned, getpid());
  pthread_mutex_lock(&lock);
  if (file != NULL) {
    file->holders++;
  }
  struct file *before = atomic_exchange(&numbers[copy], file);
  pthread_mutex_unlock(&lock);
  if (before != NULL && before != &hidden) {
    table_release(before);
  }
}

static const char *name_of(enum file_kind kind) {
  static const char *const names[] = {
      [FILE_SYSTEM] = "kvm",        [FILE_VM] = "kvm-vm",       [FILE_VCPU] = "kvm-vcpu",
      [FILE_DEVICE] = "kvm-device", [FILE_STATS] = "kvm-stats", [FILE_GUEST_MEMFD] = "guest_memfd",
  };
  return names[kind];
}

int table_install(enum file_kind kind, int32_t handle, int32_t vm, unsigned flags) {
  struct file *file = calloc(1, sizeof *file);
  int number = file == NULL ? -1 : memfd_create(name_of(kind), flags);
  if (number >= NUMBERS) {
    real()->close(number);
    number = -1;
    errno = EMFILE;
  }
  if (number < 0) {
    int saved = file == NULL ? ENOMEM : errno;
    struct file closing = {.kind = kind, .handle = handle};
    process_close(&closing);
    free(file);
    errno = saved;
    return -1;
  }
  file->memory = -1;
  file->kind = kind;
  file->handle = handle;
  file->vm = kind == FILE_VM ? handle : vm;
  file->generation = process_generation();
  table_assign(number, file);
  return number;
}

int table_hide(int fd) {
  struct rlimit limit = {USUAL_LIMIT, USUAL_LIMIT};
  getrlimit(RLIMIT_NOFILE, &limit);
  int end = limit.rlim_cur < USUAL_LIMIT ? (int)limit.rlim_cur : USUAL_LIMIT;
  int first = end > 2 * HIDDEN_ABOVE_END ? end - HIDDEN_ABOVE_END : end / 2;
  int moved = real()->fcntl(fd, F_DUPFD_CLOEXEC, first);
  if (moved >= 0) {
    real()->close(fd);
    fd = moved;
  }
  if (!in_range(fd)) {
    real()->close(fd);
    errno = EMFILE;
    return -1;
  }
  table_assign(fd, NULL);
  atomic_store(&numbers[fd], &hidden);
  return fd;
}

void table_close_hidden(int fd) {
  if (in_range(fd)) {
    atomic_store(&numbers[fd], NULL);
  }
  real()->close(fd);
}

void table_before_fork(void) { pthread_mutex_lock(&lock); }

void table_after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

void table_after_fork_in_child(void) {
  for (int number = 0; number < NUMBERS; number++) {
    if (atomic_load_explicit(&numbers[number], memory_order_relaxed) == &hidden) {
      table_close_hidden(number);
    }
  }
  atomic_store(&owner, getpid());
  pthread_mutex_unlock(&lock);
}
