#define _GNU_SOURCE
#include "userfault.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "call.h"
#include "memory.h"
#include "real.h"
#include "report.h"

struct armed {
  int uffd;
  uint64_t start;
  uint64_t end;
  uint64_t mode;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct armed *all;
static size_t count;
static size_t room;

static void watch(uint64_t start, uint64_t end, uint64_t mode) {
  struct call call;
  if (start < end && process_watches() && call_begin(&call, OP_WATCH, -1, start, end - start, mode)) {
    call_exchange(&call);
    call_end(&call);
  }
}

static void add(struct armed armed) {
  if (count == room) {
    size_t larger = room == 0 ? 8 : room * 2;
    struct armed *moved = realloc(all, larger * sizeof *moved);
    if (moved == NULL) {
      return;
    }
    all = moved;
    room = larger;
  }
  all[count++] = armed;
}

/* Takes a range out of all that is armed. */
static void cut(uint64_t start, uint64_t end) {
  for (size_t i = 0; i < count;) {
    struct armed before = all[i];
    if (before.end <= start || end <= before.start) {
      i++;
      continue;
    }
    all[i] = all[--count];
    if (before.start < start) {
      add((struct armed){before.uffd, before.start, start, before.mode});
    }
    if (end < before.end) {
      add((struct armed){before.uffd, end, before.end, before.mode});
    }
  }
}

void userfault_registered(int uffd, uint64_t start, uint64_t bytes, uint64_t mode) {
  int saved = errno;
  pthread_mutex_lock(&lock);
  cut(start, start + bytes);
  add((struct armed){uffd, start, start + bytes, mode});
  pthread_mutex_unlock(&lock);
  if (memory_concerns(start, bytes)) {
    watch(start, start + bytes, mode);
  }
  errno = saved;
}

void userfault_unregistered(uint64_t start, uint64_t bytes) {
  int saved = errno;
  pthread_mutex_lock(&lock);
  cut(start, start + bytes);
  pthread_mutex_unlock(&lock);
  if (memory_concerns(start, bytes)) {
    watch(start, start + bytes, 0);
  }
  errno = saved;
}

void userfault_restore(uint64_t start, uint64_t end) {
  static atomic_flag said = ATOMIC_FLAG_INIT;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count; i++) {
    uint64_t from = all[i].start > start ? all[i].start : start;
    uint64_t to = all[i].end < end ? all[i].end : end;
    struct io_uffd_register again = {.start = from, .bytes = to - from, .mode = all[i].mode};
    if (from < to && real()->ioctl(all[i].uffd, IO_UFFD_REGISTER, &again) != 0) {
      report_once(&said, "userfaultfd cannot watch guest memory at %#llx once it is shared: %s",
                  (unsigned long long)from, strerror(errno));
    }
  }
  pthread_mutex_unlock(&lock);
}

void userfault_announce(uint64_t start, uint64_t end) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count; i++) {
    uint64_t from = all[i].start > start ? all[i].start : start;
    uint64_t to = all[i].end < end ? all[i].end : end;
    watch(from, to, all[i].mode);
  }
  pthread_mutex_unlock(&lock);
}

void userfault_before_fork(void) { pthread_mutex_lock(&lock); }

void userfault_after_fork(void) { pthread_mutex_unlock(&lock); }
