/* Functions of the C library that change what is mapped, and what happens at a fork. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "connection.h"
#include "files.h"
#include "interpose.h"
#include "loans.h"
#include "mapped.h"
#include "memory.h"
#include "real.h"
#include "table.h"
#include "userfault.h"

enum { PAGE = 4096 };

/* After a successful change of what is mapped. */
static void changed(const void *address, size_t bytes) {
  uint64_t start = (uint64_t)(uintptr_t)address;
  uint64_t length = (bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
  if (memory_concerns(start, length) && table_is_owner()) {
    memory_changed(start, length);
  }
  mapped_changed();
}

static void *map(void *address, size_t bytes, int protection, int flags, int fd, off_t offset) {
  struct file *file = (flags & MAP_ANONYMOUS) != 0 ? NULL : table_hold(fd);
  void *mapped;
  if (file == NULL) {
    mapped = real()->mmap(address, bytes, protection, flags, fd, offset);
  } else {
    mapped = files_mmap(file, address, bytes, protection, flags, offset);
    table_release(file);
  }
  if (mapped != MAP_FAILED) {
    changed(mapped, bytes);
  }
  return mapped;
}

EXPORTED void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset) {
  return map(address, bytes, protection, flags, fd, offset);
}

EXPORTED void *mmap64(void *address, size_t bytes, int protection, int flags, int fd, off64_t offset) {
  return map(address, bytes, protection, flags, fd, offset);
}

EXPORTED int munmap(void *address, size_t bytes) {
  int result = real()->munmap(address, bytes);
  if (result == 0) {
    changed(address, bytes);
  }
  return result;
}

EXPORTED void *mremap(void *address, size_t bytes, size_t new_bytes, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  void *place = va_arg(arguments, void *);
  va_end(arguments);
  void *moved = real()->mremap(address, bytes, new_bytes, flags, place);
  if (moved != MAP_FAILED) {
    changed(address, bytes);
    changed(moved, new_bytes);
  }
  return moved;
}

EXPORTED int mprotect(void *address, size_t bytes, int protection) {
  int result = real()->mprotect(address, bytes, protection);
  if (result == 0) {
    changed(address, bytes);
  }
  return result;
}

EXPORTED int madvise(void *address, size_t bytes, int advice) {
  uint64_t start = (uint64_t)(uintptr_t)address;
  if (!memory_concerns(start, bytes) || !table_is_owner()) {
    return real()->madvise(address, bytes, advice);
  }
  int result = real()->madvise(address, bytes, advice);
  if (advice == MADV_FREE && result != 0 && errno == EINVAL) {
    return 0; /* of private memory, which it no longer is; to free nothing is one way to do it */
  }
  if (result == 0 && (advice == MADV_DONTNEED || advice == MADV_REMOVE)) {
    memory_discard(start, bytes, true);
  }
  return result;
}

static void before_fork(void) {
  loans_before_fork();
  memory_before_fork();
  userfault_before_fork();
  process_before_fork();
  mapped_before_fork();
  table_before_fork();
}

static void after_fork_in_parent(void) {
  table_after_fork_in_parent();
  mapped_after_fork_in_parent();
  process_after_fork_in_parent();
  userfault_after_fork();
  memory_after_fork_in_parent();
  loans_after_fork_in_parent();
}

static void after_fork_in_child(void) {
  table_after_fork_in_child();
  mapped_after_fork_in_child();
  process_after_fork_in_child();
  userfault_after_fork();
  memory_after_fork_in_child();
  loans_after_fork_in_child();
}

__attribute__((constructor)) static void prepare_for_forks(void) {
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
