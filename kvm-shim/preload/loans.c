#define _GNU_SOURCE
#include "loans.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "descriptors.h"
#include "real.h"

/* Eventfds that the service keeps open for this process; beyond, the one that came first is given back. */
enum { MOST_LOANS = 512 };

struct loan {
  long id; /* eventfd-id: unique while anybody has the eventfd open, as the service does */
  int32_t handle;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct loan loans[MOST_LOANS];
static unsigned count;
static unsigned oldest;

bool loans_is_eventfd(int fd) {
  char path[64];
  char target[64];
  static const char name[] = "anon_inode:[eventfd]";
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(path, target, sizeof target);
  return length == (ssize_t)sizeof name - 1 && memcmp(target, name, sizeof name - 1) == 0;
}

/* Which eventfd a descriptor is, or -1 where the kernel does not tell (before 5.2). */
static long identity(int fd) {
  char path[64];
  char text[512];
  static const char field[] = "eventfd-id:";
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  int info = real()->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (info < 0) {
    return -1;
  }
  ssize_t length = real()->read(info, text, sizeof text - 1);
  real()->close(info);
  text[length < 0 ? 0 : length] = '\0';
  const char *found = strstr(text, field);
  return found == NULL ? -1 : strtol(found + sizeof field - 1, NULL, 10);
}

static int32_t lend(int fd) {
  uint32_t tag = descriptors_send(fd);
  struct call call;
  if (tag == 0 || !call_begin(&call, OP_LEND, -1, LEND_EVENTFD, 0, 0)) {
    return -1;
  }
  call_tag(&call, tag, 0);
  int64_t handle = call_exchange(&call);
  call_end(&call);
  return handle < 0 ? -1 : (int32_t)handle;
}

/* Remembers a loan, in the place of the oldest if there is no other. */
static void keep(long id, int32_t handle) {
  unsigned place = count < MOST_LOANS ? count++ : oldest++ % MOST_LOANS;
  if (loans[place].handle != 0) {
    struct file before = {.kind = FILE_DEVICE, .handle = loans[place].handle};
    process_close(&before);
  }
  loans[place] = (struct loan){id, handle};
}

int32_t loans_handle(int fd) {
  long id = identity(fd);
  pthread_mutex_lock(&lock);
  for (unsigned i = 0; id >= 0 && i < count; i++) {
    if (loans[i].id == id) {
      int32_t handle = loans[i].handle;
      pthread_mutex_unlock(&lock);
      return handle;
    }
  }
  int32_t handle = lend(fd);
  if (handle >= 0) {
    keep(id, handle);
  }
  pthread_mutex_unlock(&lock);
  return handle;
}

void loans_before_fork(void) { pthread_mutex_lock(&lock); }

void loans_after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

void loans_after_fork_in_child(void) {
  memset(loans, 0, sizeof loans);
  count = 0;
  oldest = 0;
  pthread_mutex_unlock(&lock);
}
