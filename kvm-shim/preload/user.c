#define _GNU_SOURCE
#include "user.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* process_vm_readv or process_vm_writev on this process, page by page: a call that meets a bad page stops at an iovec's
   boundary only. Where the call is not to be had (some sandboxes, qemu's user mode) the memory is accessed directly. */
static size_t copy(long number, uint64_t address, void *local, size_t bytes) {
  const size_t page = 4096;
  size_t done = 0;
  while (done < bytes) {
    struct iovec mine = {(char *)local + done, bytes - done};
    struct iovec theirs[16];
    unsigned pieces = 0;
    size_t asked = 0;
    while (pieces < 16 && done + asked < bytes) {
      uint64_t at = address + done + asked;
      size_t piece = page - at % page;
      if (piece > bytes - done - asked) {
        piece = bytes - done - asked;
      }
      theirs[pieces].iov_base = (void *)(uintptr_t)at;
      theirs[pieces++].iov_len = piece;
      asked += piece;
    }
    mine.iov_len = asked;
    long copied = syscall(number, getpid(), &mine, 1UL, theirs, (unsigned long)pieces, 0UL);
    if (copied < 0 && (errno == ENOSYS || errno == EPERM)) {
      void *user = (void *)(uintptr_t)(address + done);
      if (number == SYS_process_vm_readv) {
        memcpy((char *)local + done, user, bytes - done);
      } else {
        memcpy(user, (char *)local + done, bytes - done);
      }
      return bytes;
    }
    if (copied <= 0) {
      break;
    }
    done += (size_t)copied;
    if ((size_t)copied < asked) {
      break;
    }
  }
  return done;
}

size_t user_read(uint64_t address, void *target, size_t bytes) {
  return copy(SYS_process_vm_readv, address, target, bytes);
}

size_t user_write(uint64_t address, const void *source, size_t bytes) {
  return copy(SYS_process_vm_writev, address, (void *)(uintptr_t)source, bytes);
}
