#define _GNU_SOURCE
#include "touch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "connection.h"
#include "real.h"
#include "table.h"

enum { WRITING = 1, PAGE = 4096, STACK = 64 * 1024 };

/* One a link, made when first needed and kept. A touch that nobody waits for any more (a signal ended the call) goes on. */
struct toucher {
  int go;   /* eventfd: `now` is to be touched */
  int over; /* eventfd: it is */
  uint64_t now;
  uint64_t wanted; /* what the link's thread waits for: `now`, unless an abandoned one is in the way */
  bool busy;
  _Atomic int result;
};

/* Copies nothing: the kernel's own way to fault a page in, which no userfaultfd for user mode alone answers either. */
static int touch(uint64_t value) {
  void *address = (void *)(uintptr_t)(value & ~(uint64_t)(PAGE - 1));
  bool writing = (value & WRITING) != 0;
  if (real()->madvise(address, PAGE, writing ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) == 0) {
    return 0;
  }
  if (errno != EINVAL) {
    return errno;
  }
  volatile uint8_t *byte = address; /* a kernel before 5.14 */
  if (writing) {
    __atomic_fetch_or(byte, 0, __ATOMIC_SEQ_CST);
  } else {
    (void)*byte;
  }
  return 0;
}

static void *serve(void *argument) {
  struct toucher *toucher = argument;
  eventfd_t ignored;
  while (eventfd_read(toucher->go, &ignored) == 0) {
    atomic_store(&toucher->result, touch(toucher->now));
    eventfd_write(toucher->over, 1);
  }
  return NULL;
}

static struct toucher *make(void) {
  struct toucher *toucher = calloc(1, sizeof *toucher);
  if (toucher == NULL) {
    return NULL;
  }
  toucher->go = table_hide(eventfd(0, EFD_CLOEXEC));
  toucher->over = table_hide(eventfd(0, EFD_CLOEXEC));
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  /* The caller is inside a call, with all signals blocked: so has the thread. */
  bool ok = toucher->go >= 0 && toucher->over >= 0 && pthread_create(&thread, &attributes, serve, toucher) == 0;
  pthread_attr_destroy(&attributes);
  if (!ok) {
    table_close_hidden(toucher->go);
    table_close_hidden(toucher->over);
    free(toucher);
    return NULL;
  }
  return toucher;
}

static void start(struct toucher *toucher) {
  toucher->now = toucher->wanted;
  toucher->busy = true;
  eventfd_write(toucher->go, 1);
}

bool touch_begin(struct link *link, uint64_t value) {
  if (link->toucher == NULL) {
    link->toucher = make();
  }
  struct toucher *toucher = link->toucher;
  if (toucher == NULL) {
    return false;
  }
  toucher->wanted = value;
  if (!toucher->busy) {
    start(toucher);
  }
  return true;
}

int touch_descriptor(const struct link *link) { return link->toucher->over; }

int touch_result(struct link *link) {
  struct toucher *toucher = link->toucher;
  eventfd_t ignored;
  eventfd_read(toucher->over, &ignored);
  toucher->busy = false;
  if (toucher->now != toucher->wanted) {
    start(toucher);
    return TOUCH_UNDER_WAY;
  }
  return atomic_load(&toucher->result);
}
