/* Functions of the C library that take a path. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"
#include "interpose.h"
#include "real.h"

static int open_at(int folder, const char *path, int flags, mode_t mode) {
  return files_is_ours(path) ? files_open(path, flags) : real()->openat(folder, path, flags, mode);
}

/* The mode argument, which is there only if a file may be made. */
#define MODE_ARGUMENT(mode, flags)                               \
  mode_t mode = 0;                                               \
  if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {                  \
    va_list arguments;                                           \
    va_start(arguments, flags);                                  \
    mode = va_arg(arguments, mode_t);                            \
    va_end(arguments);                                           \
  }

EXPORTED int open(const char *path, int flags, ...) {
  MODE_ARGUMENT(mode, flags)
  return open_at(AT_FDCWD, path, flags, mode);
}

EXPORTED int open64(const char *path, int flags, ...) {
  MODE_ARGUMENT(mode, flags)
  return open_at(AT_FDCWD, path, flags, mode);
}

EXPORTED int openat(int folder, const char *path, int flags, ...) {
  MODE_ARGUMENT(mode, flags)
  return open_at(folder, path, flags, mode);
}

EXPORTED int openat64(int folder, const char *path, int flags, ...) {
  MODE_ARGUMENT(mode, flags)
  return open_at(folder, path, flags, mode);
}

/* What glibc's headers call instead when they are asked to check arguments (_FORTIFY_SOURCE). */
EXPORTED int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }

EXPORTED int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }

EXPORTED int __openat_2(int folder, const char *path, int flags) { return open_at(folder, path, flags, 0); }

EXPORTED int __openat64_2(int folder, const char *path, int flags) { return open_at(folder, path, flags, 0); }

static FILE *open_stream(const char *path, const char *mode) {
  if (!files_is_ours(path)) {
    return real()->fopen(path, mode);
  }
  int fd = files_open(path, strpbrk(mode, "wa+") != NULL ? O_RDWR : O_RDONLY);
  return fd < 0 ? NULL : fdopen(fd, mode);
}

EXPORTED FILE *fopen(const char *path, const char *mode) { return open_stream(path, mode); }

EXPORTED FILE *fopen64(const char *path, const char *mode) { return open_stream(path, mode); }

/* Whether a path that programs look at before they open it is the service's; a parameter's then has to be asked for. */
static bool exists(const char *path) {
  int fd = files_open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  close(fd);
  return true;
}

static int access_at(int folder, const char *path, int mode, int flags) {
  if (!files_is_ours(path)) {
    return real()->faccessat(folder, path, mode, flags);
  }
  if (!exists(path)) {
    return -1;
  }
  errno = EACCES;
  return (mode & X_OK) != 0 ? -1 : 0;
}

EXPORTED int access(const char *path, int mode) { return access_at(AT_FDCWD, path, mode, 0); }

EXPORTED int eaccess(const char *path, int mode) { return access_at(AT_FDCWD, path, mode, AT_EACCESS); }

EXPORTED int euidaccess(const char *path, int mode) { return access_at(AT_FDCWD, path, mode, AT_EACCESS); }

EXPORTED int faccessat(int folder, const char *path, int mode, int flags) {
  return access_at(folder, path, mode, flags);
}

/* Programs probe with null paths for EFAULT, whatever the headers promise of them. */
__attribute__((noinline)) static bool is_path(const char *path, const char *name) {
  return path != NULL && strcmp(path, name) == 0;
}

/* Linux's struct stat and the C library's are one on both architectures. */
static int stat_at(int folder, const char *path, struct stat *status, int flags) {
  if (is_path(path, "") && (flags & AT_EMPTY_PATH) != 0) {
    return fstat(folder, status);
  }
  if (is_path(path, "/dev/kvm") && files_is_ours(path)) {
    if (!exists(path)) {
      return -1;
    }
    files_stat_device(status);
    return 0;
  }
  return (int)syscall(SYS_newfstatat, folder, path, status, flags);
}

EXPORTED int fstat(int fd, struct stat *status) {
  struct file *file = table_hold(fd);
  if (file == NULL) {
    return (int)syscall(SYS_fstat, fd, status);
  }
  int result = files_stat(file, status);
  table_release(file);
  return result;
}

EXPORTED int fstat64(int fd, struct stat64 *status) { return fstat(fd, (struct stat *)status); }

EXPORTED int __fxstat(int version, int fd, struct stat *status) {
  (void)version;
  return fstat(fd, status);
}

EXPORTED int __fxstat64(int version, int fd, struct stat64 *status) {
  (void)version;
  return fstat(fd, (struct stat *)status);
}

EXPORTED int stat(const char *path, struct stat *status) { return stat_at(AT_FDCWD, path, status, 0); }

EXPORTED int stat64(const char *path, struct stat64 *status) {
  return stat_at(AT_FDCWD, path, (struct stat *)status, 0);
}

EXPORTED int __xstat(int version, const char *path, struct stat *status) {
  (void)version;
  return stat_at(AT_FDCWD, path, status, 0);
}

EXPORTED int __xstat64(int version, const char *path, struct stat64 *status) {
  (void)version;
  return stat_at(AT_FDCWD, path, (struct stat *)status, 0);
}

EXPORTED int lstat(const char *path, struct stat *status) {
  return stat_at(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

EXPORTED int lstat64(const char *path, struct stat64 *status) {
  return stat_at(AT_FDCWD, path, (struct stat *)status, AT_SYMLINK_NOFOLLOW);
}

EXPORTED int fstatat(int folder, const char *path, struct stat *status, int flags) {
  return stat_at(folder, path, status, flags);
}

EXPORTED int fstatat64(int folder, const char *path, struct stat64 *status, int flags) {
  return stat_at(folder, path, (struct stat *)status, flags);
}

EXPORTED int statx(int folder, const char *path, int flags, unsigned mask, struct statx *status) {
  struct stat known;
  bool empty = is_path(path, "") && (flags & AT_EMPTY_PATH) != 0;
  bool device = is_path(path, "/dev/kvm") && files_is_ours(path);
  if (!device && !(empty && table_knows(folder))) {
    return (int)syscall(SYS_statx, folder, path, flags, mask, status);
  }
  if (stat_at(folder, path, &known, flags) != 0) {
    return -1;
  }
  *status = (struct statx){.stx_mask = STATX_BASIC_STATS,
                           .stx_blksize = (uint32_t)known.st_blksize,
                           .stx_nlink = (uint32_t)known.st_nlink,
                           .stx_mode = (uint16_t)known.st_mode,
                           .stx_ino = known.st_ino,
                           .stx_size = (uint64_t)known.st_size,
                           .stx_blocks = (uint64_t)known.st_blocks,
                           .stx_rdev_major = device ? 10 : 0,
                           .stx_rdev_minor = device ? 232 : 0};
  return 0;
}
