/* Functions of the C library that take a descriptor. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "abi.h"
#include "files.h"
#include "interpose.h"
#include "ioctls.h"
#include "memory.h"
#include "real.h"
#include "userfault.h"

EXPORTED int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  struct file *file = table_hold(fd);
  if (file != NULL) {
    int result = ioctls_call(file, (uint32_t)request, (uint64_t)(uintptr_t)argument);
    table_release(file);
    return result;
  }
  int result = real()->ioctl(fd, request, argument);
  const struct io_uffd_register *range = argument;
  if (result == 0 && (uint32_t)request == IO_UFFD_REGISTER) {
    userfault_registered(fd, range->start, range->bytes, range->mode);
  } else if (result == 0 && (uint32_t)request == IO_UFFD_UNREGISTER) {
    userfault_unregistered(range->start, range->bytes);
  } else if (result == 0 && (uint32_t)request == IO_UFFD_WRITEPROTECT && (range->mode & IO_UFFD_PROTECT) != 0 &&
             memory_concerns(range->start, range->bytes)) {
    memory_discard(range->start, range->bytes, false);
  }
  return result;
}

EXPORTED int close(int fd) {
  if (table_is_hidden(fd)) {
    errno = EBADF;
    return -1;
  }
  if (table_knows(fd) && table_is_owner()) {
    table_assign(fd, NULL);
  }
  return real()->close(fd);
}

EXPORTED int close_range(unsigned first, unsigned last, int flags) {
  enum { CLOEXEC_ONLY = 1 << 2, END = 1 << 16 };
  if (real()->close_range == NULL) {
    errno = ENOSYS;
    return -1;
  }
  if ((flags & CLOEXEC_ONLY) != 0 || first > last) {
    return real()->close_range(first, last, flags);
  }
  unsigned from = first;
  for (unsigned fd = first; fd <= last && fd < END; fd++) {
    if (table_is_hidden((int)fd)) {
      if (from < fd && real()->close_range(from, fd - 1, flags) != 0) {
        return -1;
      }
      from = fd + 1;
    } else if (table_knows((int)fd) && table_is_owner()) {
      table_assign((int)fd, NULL);
    }
  }
  return from <= last ? real()->close_range(from, last, flags) : 0;
}

EXPORTED void closefrom(int first) { close_range(first < 0 ? 0 : (unsigned)first, ~0U, 0); }

/* After a duplication by the kernel: the copy is what the original is. */
static int duplicated(int original, int copy) {
  if (copy >= 0 && original != copy && (table_knows(original) || table_knows(copy)) && table_is_owner()) {
    struct file *file = table_hold(original);
    table_assign(copy, file);
    if (file != NULL) {
      table_release(file);
    }
  }
  return copy;
}

static bool is_hidden_target(int copy) {
  if (!table_is_hidden(copy)) {
    return false;
  }
  errno = EBUSY;
  return true;
}

EXPORTED int dup(int fd) { return duplicated(fd, real()->dup(fd)); }

EXPORTED int dup2(int fd, int copy) { return is_hidden_target(copy) ? -1 : duplicated(fd, real()->dup2(fd, copy)); }

EXPORTED int dup3(int fd, int copy, int flags) {
  return is_hidden_target(copy) ? -1 : duplicated(fd, real()->dup3(fd, copy, flags));
}

static int control(int fd, int command, void *argument) {
  int result = real()->fcntl(fd, command, argument);
  bool duplication = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
  return duplication ? duplicated(fd, result) : result;
}

EXPORTED int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return control(fd, command, argument);
}

EXPORTED int fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return control(fd, command, argument);
}

/* result = the service's answer if fd is one of its files, else the C library's. */
#define EITHER(type, fd, ours, theirs)    \
  struct file *file = table_hold(fd);     \
  if (file == NULL) {                     \
    return theirs;                        \
  }                                       \
  type result = ours;                     \
  table_release(file);                    \
  return result;

EXPORTED ssize_t read(int fd, void *data, size_t bytes) {
  EITHER(ssize_t, fd, files_read(file, (uint64_t)(uintptr_t)data, bytes), real()->read(fd, data, bytes))
}

EXPORTED ssize_t __read_chk(int fd, void *data, size_t bytes, size_t room) {
  if (bytes > room) {
    abort();
  }
  return read(fd, data, bytes);
}

EXPORTED ssize_t write(int fd, const void *data, size_t bytes) {
  EITHER(ssize_t, fd, files_write(file, data, bytes), real()->write(fd, data, bytes))
}

EXPORTED ssize_t pread(int fd, void *data, size_t bytes, off_t position) {
  EITHER(ssize_t, fd, files_pread(file, (uint64_t)(uintptr_t)data, bytes, position),
         real()->pread(fd, data, bytes, position))
}

EXPORTED ssize_t pread64(int fd, void *data, size_t bytes, off64_t position) {
  return pread(fd, data, bytes, position);
}

EXPORTED ssize_t __pread_chk(int fd, void *data, size_t bytes, off_t position, size_t room) {
  if (bytes > room) {
    abort();
  }
  return pread(fd, data, bytes, position);
}

EXPORTED ssize_t pwrite(int fd, const void *data, size_t bytes, off_t position) {
  EITHER(ssize_t, fd, files_pwrite(file, data, bytes, position), real()->pwrite(fd, data, bytes, position))
}

EXPORTED ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t position) {
  return pwrite(fd, data, bytes, position);
}

/* One piece: where the file's position is, or at one of the caller's. */
typedef ssize_t (*transfer)(struct file *file, const struct iovec *piece, off_t position);

static ssize_t read_on(struct file *file, const struct iovec *piece, off_t position) {
  (void)position;
  return files_read(file, (uint64_t)(uintptr_t)piece->iov_base, piece->iov_len);
}

static ssize_t read_at(struct file *file, const struct iovec *piece, off_t position) {
  return files_pread(file, (uint64_t)(uintptr_t)piece->iov_base, piece->iov_len, position);
}

static ssize_t write_on(struct file *file, const struct iovec *piece, off_t position) {
  (void)position;
  return files_write(file, piece->iov_base, piece->iov_len);
}

static ssize_t write_at(struct file *file, const struct iovec *piece, off_t position) {
  return files_pwrite(file, piece->iov_base, piece->iov_len, position);
}

/* The files have no calls for several pieces, so the kernel takes one after the other, up to a short one. */
static ssize_t all_pieces(struct file *file, transfer one, const struct iovec *pieces, int count, off_t position) {
  char nothing;
  struct iovec none = {&nothing, 0};
  ssize_t total = count > 0 ? 0 : one(file, &none, position);
  for (int i = 0; i < count; i++) {
    ssize_t done = one(file, &pieces[i], position + total);
    if (done < 0) {
      return total > 0 ? total : -1;
    }
    total += done;
    if ((size_t)done < pieces[i].iov_len) {
      break;
    }
  }
  return total;
}

EXPORTED ssize_t readv(int fd, const struct iovec *pieces, int count) {
  EITHER(ssize_t, fd, all_pieces(file, read_on, pieces, count, 0), real()->readv(fd, pieces, count))
}

EXPORTED ssize_t writev(int fd, const struct iovec *pieces, int count) {
  EITHER(ssize_t, fd, all_pieces(file, write_on, pieces, count, 0), real()->writev(fd, pieces, count))
}

EXPORTED ssize_t preadv(int fd, const struct iovec *pieces, int count, off_t position) {
  EITHER(ssize_t, fd, all_pieces(file, read_at, pieces, count, position), real()->preadv(fd, pieces, count, position))
}

EXPORTED ssize_t preadv64(int fd, const struct iovec *pieces, int count, off64_t position) {
  return preadv(fd, pieces, count, position);
}

EXPORTED ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t position) {
  EITHER(ssize_t, fd, all_pieces(file, write_at, pieces, count, position), real()->pwritev(fd, pieces, count, position))
}

EXPORTED ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t position) {
  return pwritev(fd, pieces, count, position);
}

EXPORTED off_t lseek(int fd, off_t offset, int whence) {
  EITHER(off_t, fd, files_seek(file, offset, whence), real()->lseek(fd, offset, whence))
}

EXPORTED off64_t lseek64(int fd, off64_t offset, int whence) { return lseek(fd, offset, whence); }

static int allocate(int fd, int mode, off_t offset, off_t bytes) {
  int result = real()->fallocate(fd, mode, offset, bytes);
  if (result == 0 && (mode & FALLOC_FL_PUNCH_HOLE) != 0 && table_is_owner()) {
    memory_punched(fd, (uint64_t)offset, (uint64_t)bytes);
  }
  return result;
}

EXPORTED int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  EITHER(int, fd, files_fallocate(file, mode, offset, bytes), allocate(fd, mode, offset, bytes))
}

EXPORTED int fallocate64(int fd, int mode, off64_t offset, off64_t bytes) {
  return fallocate(fd, mode, offset, bytes);
}

EXPORTED int ftruncate(int fd, off_t bytes) {
  EITHER(int, fd, files_truncate(file), real()->ftruncate(fd, bytes))
}

EXPORTED int ftruncate64(int fd, off64_t bytes) { return ftruncate(fd, bytes); }
