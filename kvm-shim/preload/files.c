#define _GNU_SOURCE
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "descriptors.h"
#include "real.h"

enum { KVM_MAJOR = 10, KVM_MINOR = 232 };

bool files_is_ours(const char *path) {
  static const char device[] = "/dev/kvm";
  static const char modules[] = "/sys/module/kvm";
  if (path == NULL) { /* programs probe with that for EFAULT */
    return false;
  }
  return (strcmp(path, device) == 0 ||
          (strncmp(path, modules, sizeof modules - 1) == 0 && strstr(path, "/parameters/") != NULL)) &&
         process_wanted();
}

/* A module parameter: an ordinary file with the text that the service gives. */
static int parameter_file(const struct call *call, int flags) {
  size_t position = 0;
  uint64_t address;
  uint32_t bytes;
  void *text;
  int fd = memfd_create("kvm-parameter", (flags & O_CLOEXEC) != 0 ? MFD_CLOEXEC : 0);
  if (fd >= 0 && call_next_segment(call, &position, &address, &bytes, &text) &&
      real()->pwrite(fd, text, bytes, 0) != (ssize_t)bytes) {
    real()->close(fd);
    errno = EIO;
    return -1;
  }
  return fd;
}

int files_open(const char *path, int flags) {
  struct call call;
  if (!call_begin(&call, OP_OPEN, -1, (uint64_t)flags, 0, 0)) {
    return -1;
  }
  int64_t handle = call_add(&call, 0, path, strlen(path)) == NULL ? -1 : call_exchange(&call);
  bool parameter = handle >= 0 && path[1] == 's';
  int number = parameter ? parameter_file(&call, flags) : -1;
  call_end(&call);
  if (handle >= 0 && !parameter) {
    number = table_install(FILE_SYSTEM, (int32_t)handle, -1, (flags & O_CLOEXEC) != 0 ? MFD_CLOEXEC : 0);
  }
  return number;
}

/* A file that an ancestor of this process opened: a system file is opened again, others answer EIO. */
static bool is_reachable(struct file *file) {
  if (file->generation == process_generation()) {
    return true;
  }
  if (file->kind != FILE_SYSTEM) {
    errno = EIO;
    return false;
  }
  static const char path[] = "/dev/kvm";
  struct call call;
  if (!call_begin(&call, OP_OPEN, -1, O_RDWR, 0, 0)) {
    return false;
  }
  int64_t handle = call_add(&call, 0, path, sizeof path - 1) == NULL ? -1 : call_exchange(&call);
  call_end(&call);
  if (handle < 0) {
    return false;
  }
  file->handle = (int32_t)handle;
  file->generation = process_generation();
  return true;
}

bool files_begin(struct call *call, struct file *file, enum op op, uint64_t request, uint64_t argument,
                 uint64_t third) {
  return is_reachable(file) && call_begin(call, op, file->handle, request, argument, third);
}

/* An op without segments of its own. */
static int64_t simple(struct file *file, enum op op, uint64_t request, uint64_t argument, uint64_t third) {
  struct call call;
  if (!files_begin(&call, file, op, request, argument, third)) {
    return -1;
  }
  int64_t result = call_exchange(&call);
  if (result >= 0 && !call_store(&call)) {
    result = -1;
  }
  call_end(&call);
  return result;
}

/* One part of a mapping: bytes of the file from `offset` on, up to `bytes`, are where in which descriptor. */
struct part {
  uint64_t bytes; /* 0: touching it is SIGBUS */
  int fd;         /* the caller's */
  off_t offset;
};

static bool ask_part(struct file *file, uint64_t offset, size_t bytes, int protection, int flags, struct part *part) {
  enum { ASK_SHARED = 1, ASK_EXECUTABLE = 1 << 18 };
  bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
  uint64_t kind = (shared ? ASK_SHARED : 0) | ((protection & PROT_EXEC) != 0 ? ASK_EXECUTABLE : 0);
  struct call call;
  if (!files_begin(&call, file, OP_MMAP, offset, bytes, kind)) {
    return false;
  }
  int64_t result = call_exchange(&call);
  part->fd = result > 0 ? descriptors_receive(call.reply.tag) : -1;
  part->bytes = result > 0 && (uint64_t)result < bytes ? (uint64_t)result : result > 0 ? bytes : 0;
  part->offset = (off_t)call.reply.value;
  call_end(&call);
  return result == 0 || part->fd >= 0;
}

/* Keeps what a guest_memfd's memory is found by when a slot names its mapping; closes others. Keeps errno. */
static void done_with(struct file *file, int fd) {
  int saved = errno;
  if (file->kind == FILE_GUEST_MEMFD && file->memory < 0) {
    file->memory = table_hide(fd);
  } else {
    real()->close(fd);
  }
  errno = saved;
}

/* A mapping without memory behind it, to put parts into. */
static void *map_nothing(void *address, size_t bytes, int protection, int flags) {
  int empty = memfd_create("kvm-nothing", MFD_CLOEXEC);
  if (empty < 0) {
    return MAP_FAILED;
  }
  void *mapped = real()->mmap(address, bytes, protection, flags, empty, 0);
  int saved = errno;
  real()->close(empty);
  errno = saved;
  return mapped;
}

void *files_mmap(struct file *file, void *address, size_t bytes, int protection, int flags, off_t offset) {
  struct part part;
  if (!ask_part(file, (uint64_t)offset, bytes, protection, flags, &part)) {
    return MAP_FAILED;
  }
  if (part.bytes == bytes) {
    void *whole = real()->mmap(address, bytes, protection, flags, part.fd, part.offset);
    done_with(file, part.fd);
    return whole;
  }
  uint8_t *base = map_nothing(address, bytes, protection, flags);
  if (base == MAP_FAILED && part.fd >= 0) {
    done_with(file, part.fd);
  }
  size_t done = 0;
  while (base != MAP_FAILED && part.bytes > 0) {
    void *mapped = real()->mmap(base + done, part.bytes, protection, flags | MAP_FIXED, part.fd, part.offset);
    done_with(file, part.fd);
    done += part.bytes;
    if (mapped == MAP_FAILED || (done < bytes && !ask_part(file, (uint64_t)offset + done, bytes - done, protection,
                                                           flags, &part))) {
      real()->munmap(base, bytes);
      return MAP_FAILED;
    }
    if (done == bytes) {
      break;
    }
  }
  return base;
}

ssize_t files_read(struct file *file, uint64_t address, size_t bytes) {
  return (ssize_t)simple(file, OP_READ, bytes, address, 0);
}

ssize_t files_pread(struct file *file, uint64_t address, size_t bytes, off_t position) {
  return (ssize_t)simple(file, OP_PREAD, bytes, address, (uint64_t)position);
}

/* One frame of a write: bytes from `data` on, or as many of them as fit. How many those are is told in `sent`. */
static ssize_t write_part(struct file *file, enum op op, const uint8_t *data, size_t bytes, off_t position,
                          size_t *sent) {
  enum { PAGE_BYTES = 4096, HEADS_BYTES = PAGE_BYTES };
  struct call call;
  if (!files_begin(&call, file, op, bytes, (uint64_t)(uintptr_t)data, (uint64_t)position)) {
    return -1;
  }
  size_t most = (process_frame_limit() - HEADS_BYTES) & ~(size_t)(PAGE_BYTES - 1);
  size_t readable = 0;
  *sent = bytes < most ? bytes : most;
  bool added = data == NULL || call_add_user(&call, (uint64_t)(uintptr_t)data, *sent, &readable) != NULL;
  call_tag(&call, 0, *sent < bytes && readable == *sent ? WRITE_PART : 0);
  int64_t result = added ? call_exchange(&call) : -1;
  call_end(&call);
  return (ssize_t)result;
}

static ssize_t write_all(struct file *file, enum op op, const uint8_t *data, size_t bytes, off_t position) {
  enum { MOST_BYTES = 0x7ffff000 }; /* MAX_RW_COUNT */
  size_t done = 0;
  size_t sent = 0;
  ssize_t result;
  size_t whole = bytes > SSIZE_MAX || bytes < MOST_BYTES ? bytes : MOST_BYTES;
  do {
    result = write_part(file, op, data + done, whole - done, position + (off_t)done, &sent);
    done += result > 0 ? (size_t)result : 0;
  } while (result == (ssize_t)sent && done < whole);
  return done > 0 ? (ssize_t)done : result;
}

ssize_t files_write(struct file *file, const void *data, size_t bytes) {
  return write_all(file, OP_WRITE, data, bytes, 0);
}

ssize_t files_pwrite(struct file *file, const void *data, size_t bytes, off_t position) {
  return write_all(file, OP_PWRITE, data, bytes, position);
}

off_t files_seek(struct file *file, off_t offset, int whence) {
  return (off_t)simple(file, OP_SEEK, (uint64_t)(uint32_t)whence, (uint64_t)offset, 0);
}

int files_fallocate(struct file *file, int mode, off_t offset, off_t bytes) {
  return (int)simple(file, OP_FALLOCATE, (uint64_t)mode, (uint64_t)offset, (uint64_t)bytes);
}

int files_truncate(struct file *file) {
  (void)file;
  errno = EINVAL; /* kvm_gmem_setattr, and do_ftruncate for what is no regular file */
  return -1;
}

void files_stat_device(struct stat *status) {
  *status = (struct stat){.st_mode = S_IFCHR | 0666, .st_nlink = 1, .st_blksize = KVM_IO_PAGE};
  status->st_rdev = makedev(KVM_MAJOR, KVM_MINOR);
}

int files_stat(struct file *file, struct stat *status) {
  if (file->kind == FILE_SYSTEM) {
    files_stat_device(status);
    return 0;
  }
  struct call call;
  if (!files_begin(&call, file, OP_FSTAT, 0, 0, 0)) {
    return -1;
  }
  size_t position = 0;
  uint64_t address;
  uint32_t bytes;
  void *data;
  int64_t result = call_exchange(&call);
  struct file_status told = {0};
  if (result >= 0 && call_next_segment(&call, &position, &address, &bytes, &data) && bytes == sizeof told) {
    memcpy(&told, data, sizeof told);
  }
  call_end(&call);
  if (result >= 0) {
    *status = (struct stat){.st_mode = told.mode, .st_nlink = told.links, .st_ino = told.inode};
    status->st_size = (off_t)told.bytes;
    status->st_blocks = (blkcnt_t)told.blocks;
    status->st_blksize = (blksize_t)told.block_bytes;
  }
  return (int)result;
}
