/* The C library's own functions behind the ones this library replaces. */
#ifndef QUIRE_REAL_H
#define QUIRE_REAL_H

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>

/* F(result, name, parameters): each is found by dlsym(RTLD_NEXT, name); null where the C library has none. */
#define QUIRE_REAL_FUNCTIONS(F) \
  F(int, openat, (int, const char *, int, ...)) \
  F(FILE *, fopen, (const char *, const char *)) \
  F(int, ioctl, (int, unsigned long, ...)) \
  F(int, close, (int)) \
  F(int, close_range, (unsigned, unsigned, int)) \
  F(int, dup, (int)) \
  F(int, dup2, (int, int)) \
  F(int, dup3, (int, int, int)) \
  F(int, fcntl, (int, int, ...)) \
  F(void *, mmap, (void *, size_t, int, int, int, off_t)) \
  F(int, munmap, (void *, size_t)) \
  F(void *, mremap, (void *, size_t, size_t, int, ...)) \
  F(int, mprotect, (void *, size_t, int)) \
  F(int, madvise, (void *, size_t, int)) \
  F(ssize_t, read, (int, void *, size_t)) \
  F(ssize_t, write, (int, const void *, size_t)) \
  F(ssize_t, pread, (int, void *, size_t, off_t)) \
  F(ssize_t, pwrite, (int, const void *, size_t, off_t)) \
  F(ssize_t, readv, (int, const struct iovec *, int)) \
  F(ssize_t, writev, (int, const struct iovec *, int)) \
  F(ssize_t, preadv, (int, const struct iovec *, int, off_t)) \
  F(ssize_t, pwritev, (int, const struct iovec *, int, off_t)) \
  F(off_t, lseek, (int, off_t, int)) \
  F(int, fallocate, (int, int, off_t, off_t)) \
  F(int, ftruncate, (int, off_t)) \
  F(int, faccessat, (int, const char *, int, int))

#define QUIRE_REAL_MEMBER(result, name, parameters) result(*name) parameters;
struct real {
  QUIRE_REAL_FUNCTIONS(QUIRE_REAL_MEMBER)
};
#undef QUIRE_REAL_MEMBER

/* The table, filled on first use: other libraries' constructors may call before ours. Any thread. */
const struct real *real(void);

#endif
