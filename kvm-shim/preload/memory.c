#define _GNU_SOURCE
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call.h"
#include "convert.h"
#include "descriptors.h"
#include "maps.h"
#include "real.h"
#include "report.h"
#include "userfault.h"

enum { PAGE = 4096 };

/* A range that the service maps. */
struct share {
  uint64_t start;
  uint64_t end;
  uint64_t device;
  uint64_t inode;
  uint64_t offset;
  bool read_only;
  int fd; /* of the memfd that replaced private memory, hidden; else -1 */
};

struct slot {
  int32_t vm;
  uint32_t id;
  uint64_t start;
  uint64_t end;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct share *shares;
static size_t share_count;
static size_t share_room;
static struct slot *slots;
static size_t slot_count;
static size_t slot_room;

/* Bounds of all shares and slots, for those who look without the lock. */
static _Atomic uint64_t lowest = UINT64_MAX;
static _Atomic uint64_t highest;

static void *one_more(void *array, size_t *room, size_t count, size_t bytes) {
  if (count < *room) {
    return array;
  }
  size_t larger = *room == 0 ? 8 : *room * 2;
  void *moved = realloc(array, larger * bytes);
  if (moved != NULL) {
    *room = larger;
  }
  return moved;
}

static bool call_range(enum op op, uint64_t start, uint64_t bytes) {
  struct call call;
  if (!call_begin(&call, op, -1, start, bytes, 0)) {
    return false;
  }
  bool ok = call_exchange(&call) >= 0;
  call_end(&call);
  return ok;
}

bool memory_concerns(uint64_t start, uint64_t bytes) {
  return start < atomic_load_explicit(&highest, memory_order_acquire) &&
         atomic_load_explicit(&lowest, memory_order_acquire) < start + bytes;
}

static void set_bounds(void) {
  uint64_t low = UINT64_MAX;
  uint64_t high = 0;
  for (size_t i = 0; i < share_count; i++) {
    low = shares[i].start < low ? shares[i].start : low;
    high = shares[i].end > high ? shares[i].end : high;
  }
  for (size_t i = 0; i < slot_count; i++) {
    low = slots[i].start < low ? slots[i].start : low;
    high = slots[i].end > high ? slots[i].end : high;
  }
  atomic_store(&lowest, low);
  atomic_store(&highest, high);
}

static bool add_share(const struct share *share) {
  struct share *room = one_more(shares, &share_room, share_count, sizeof *shares);
  if (room == NULL) {
    return false;
  }
  shares = room;
  shares[share_count++] = *share;
  return true;
}

/* Forgets what is shared of a range, here and at the service. */
static void withdraw(uint64_t start, uint64_t end) {
  for (size_t i = 0; i < share_count;) {
    struct share before = shares[i];
    if (before.end <= start || end <= before.start) {
      i++;
      continue;
    }
    shares[i] = shares[--share_count];
    uint64_t from = before.start > start ? before.start : start;
    uint64_t to = before.end < end ? before.end : end;
    call_range(OP_UNSHARE, from, to - from);
    if (before.start < start) {
      struct share low = before;
      low.end = start;
      if (low.fd >= 0) {
        low.fd = table_hide(real()->fcntl(before.fd, F_DUPFD_CLOEXEC, 3));
      }
      add_share(&low);
    }
    if (end < before.end) {
      struct share high = before;
      high.start = end;
      high.offset += end - before.start;
      if (high.fd >= 0) {
        high.fd = table_hide(real()->fcntl(before.fd, F_DUPFD_CLOEXEC, 3));
      }
      add_share(&high);
    }
    if (before.fd >= 0) {
      table_close_hidden(before.fd);
    }
  }
  set_bounds();
}

static bool is_read_only(const struct piece *piece) { return (piece->protection & PROT_WRITE) == 0; }

/* Whether the service maps exactly this already. */
static bool is_current(const struct piece *piece) {
  for (size_t i = 0; i < share_count; i++) {
    const struct share *share = &shares[i];
    if (share->start <= piece->start && piece->end <= share->end && share->device == piece->device &&
        share->inode == piece->inode && share->offset + (piece->start - share->start) == piece->offset &&
        share->read_only == is_read_only(piece)) {
      return true;
    }
  }
  return false;
}

static bool announce(const struct piece *piece, int fd) {
  uint32_t tag = descriptors_send(fd);
  struct call call;
  if (tag == 0) {
    process_lost("it takes no descriptors");
    errno = EIO;
    return false;
  }
  if (!call_begin(&call, OP_SHARE, -1, piece->start, piece->end - piece->start, piece->offset)) {
    return false;
  }
  call_tag(&call, tag, is_read_only(piece) ? SHARE_READ_ONLY : 0);
  bool ok = call_exchange(&call) >= 0;
  call_end(&call);
  return ok;
}

static bool share_piece(struct piece *piece) {
  static atomic_flag said_no_file = ATOMIC_FLAG_INIT;
  static atomic_flag said_refused = ATOMIC_FLAG_INIT;
  if ((piece->protection & (PROT_READ | PROT_WRITE)) == 0) {
    withdraw(piece->start, piece->end);
    return true;
  }
  if (piece->shared && is_current(piece)) {
    return true;
  }
  int fd = piece->shared ? maps_open_file(piece) : -1;
  bool converted = fd < 0;
  if (converted) {
    if (piece->shared) {
      report_once(&said_no_file,
                  "guest memory at %#llx is a shared mapping whose file cannot be found: other mappings of it will not "
                  "see what the guest does",
                  (unsigned long long)piece->start);
    }
    fd = convert_to_memfd(piece);
    if (fd < 0) {
      return false;
    }
  }
  withdraw(piece->start, piece->end);
  userfault_announce(piece->start, piece->end);
  if (!announce(piece, fd)) {
    report_once(&said_refused, "the KVM service cannot map guest memory at %#llx, %llu bytes: %s",
                (unsigned long long)piece->start, (unsigned long long)(piece->end - piece->start), strerror(errno));
    int saved = errno;
    real()->close(fd);
    errno = saved;
    return false;
  }
  struct share share = {piece->start, piece->end, piece->device, piece->inode, piece->offset, is_read_only(piece), -1};
  if (converted) {
    share.fd = table_hide(fd);
  } else {
    real()->close(fd);
  }
  if (!add_share(&share)) {
    errno = ENOMEM;
    return false;
  }
  set_bounds();
  return true;
}

static bool share_range(uint64_t start, uint64_t end) {
  struct pieces pieces;
  if (!maps_read(start, end, &pieces)) {
    return false;
  }
  bool ok = true;
  for (size_t i = 0; ok && i < pieces.count; i++) {
    ok = share_piece(&pieces.all[i]);
  }
  free(pieces.all);
  return ok;
}

bool memory_share(uint64_t start, uint64_t bytes) {
  pthread_mutex_lock(&lock);
  bool ok = share_range(start, start + bytes);
  pthread_mutex_unlock(&lock);
  return ok;
}

void memory_set_slot(int32_t vm, uint32_t id, uint64_t start, uint64_t bytes) {
  pthread_mutex_lock(&lock);
  size_t i = 0;
  while (i < slot_count && (slots[i].vm != vm || slots[i].id != id)) {
    i++;
  }
  if (bytes == 0) {
    if (i < slot_count) {
      slots[i] = slots[--slot_count];
    }
  } else {
    struct slot *room = one_more(slots, &slot_room, i == slot_count ? slot_count : 0, sizeof *slots);
    if (room != NULL) {
      slots = room;
      slots[i] = (struct slot){vm, id, start, start + bytes};
      slot_count += i == slot_count;
    }
  }
  set_bounds();
  pthread_mutex_unlock(&lock);
}

void memory_forget_vm(int32_t vm) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < slot_count;) {
    if (slots[i].vm == vm) {
      slots[i] = slots[--slot_count];
    } else {
      i++;
    }
  }
  set_bounds();
  pthread_mutex_unlock(&lock);
}

void memory_changed(uint64_t start, uint64_t bytes) {
  int saved = errno;
  uint64_t end = start + bytes;
  pthread_mutex_lock(&lock);
  withdraw(start, end);
  for (size_t i = 0; i < slot_count; i++) {
    uint64_t from = slots[i].start > start ? slots[i].start : start;
    uint64_t to = slots[i].end < end ? slots[i].end : end;
    if (from < to) {
      share_range(from, to);
    }
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
}

void memory_discard(uint64_t start, uint64_t bytes, bool contents) {
  int saved = errno;
  uint64_t end = start + bytes;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < share_count; i++) {
    const struct share *share = &shares[i];
    uint64_t from = share->start > start ? share->start : start;
    uint64_t to = share->end < end ? share->end : end;
    if (from < to) {
      if (share->fd >= 0 && contents) {
        off_t at = (off_t)(share->offset + (from - share->start));
        real()->fallocate(share->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)(to - from));
      }
      call_range(OP_DISCARD, from, to - from);
    }
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
}

void memory_punched(int fd, uint64_t offset, uint64_t bytes) {
  int saved = errno;
  struct stat status;
  pthread_mutex_lock(&lock);
  if (share_count > 0 && syscall(SYS_fstat, fd, &status) == 0) {
    for (size_t i = 0; i < share_count; i++) {
      const struct share *share = &shares[i];
      uint64_t share_end = share->offset + (share->end - share->start);
      uint64_t from = share->offset > offset ? share->offset : offset;
      uint64_t to = share_end < offset + bytes ? share_end : offset + bytes;
      from = (from + PAGE - 1) & ~(uint64_t)(PAGE - 1);
      to &= ~(uint64_t)(PAGE - 1);
      if (share->device == status.st_dev && share->inode == status.st_ino && from < to) {
        call_range(OP_DISCARD, share->start + (from - share->offset), to - from);
      }
    }
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
}

void memory_before_fork(void) { pthread_mutex_lock(&lock); }

void memory_after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

void memory_after_fork_in_child(void) {
  /* The memory stays mapped; the child has no VM that would use it. Hidden descriptors are closed with the others. */
  share_count = 0;
  slot_count = 0;
  set_bounds();
  pthread_mutex_unlock(&lock);
}
