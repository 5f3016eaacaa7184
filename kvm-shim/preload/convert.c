#define _GNU_SOURCE
#include "convert.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "real.h"
#include "report.h"
#include "userfault.h"

enum { PAGE = 4096, CHUNK_PAGES = 4096 };

static bool is_zero(const uint8_t *page) {
  return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* Which pages of a chunk have to be copied. */
static void find_contents(const struct piece *piece, uint64_t start, size_t pages, uint8_t *wanted) {
  if (piece->inode != 0) {
    memset(wanted, 1, pages); /* of a file: present in the page cache or not, it has contents */
  } else if (!maps_present(start, pages, wanted)) {
    for (size_t i = 0; i < pages; i++) {
      wanted[i] = !is_zero((const uint8_t *)(uintptr_t)(start + i * PAGE));
    }
  }
}

static bool copy_chunk(const struct piece *piece, int fd, uint64_t start, size_t pages) {
  uint8_t wanted[CHUNK_PAGES];
  find_contents(piece, start, pages, wanted);
  for (size_t i = 0; i < pages;) {
    size_t run = i;
    while (run < pages && wanted[run]) {
      run++;
    }
    size_t bytes = (run - i) * PAGE;
    uint64_t from = start + i * PAGE;
    if (bytes > 0 && real()->pwrite(fd, (const void *)(uintptr_t)from, bytes, (off_t)(from - piece->start)) !=
                         (ssize_t)bytes) {
      return false;
    }
    i = run + 1;
  }
  return true;
}

static bool copy(const struct piece *piece, int fd) {
  if (real()->ftruncate(fd, (off_t)(piece->end - piece->start)) != 0) {
    return false;
  }
  for (uint64_t at = piece->start; at < piece->end;) {
    size_t pages = (size_t)((piece->end - at) / PAGE);
    pages = pages < CHUNK_PAGES ? pages : CHUNK_PAGES;
    if (!copy_chunk(piece, fd, at, pages)) {
      return false;
    }
    at += pages * PAGE;
  }
  void *place = (void *)(uintptr_t)piece->start;
  return real()->mmap(place, (size_t)(piece->end - piece->start), piece->protection,
                      MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) == place;
}

int convert_to_memfd(struct piece *piece) {
  static atomic_flag said = ATOMIC_FLAG_INIT;
  struct stat status;
  int fd = memfd_create("guest-memory", MFD_CLOEXEC);
  if (fd < 0 || !copy(piece, fd) || syscall(SYS_fstat, fd, &status) != 0) {
    int saved = errno;
    report_once(&said, "cannot make guest memory at %#llx, %llu bytes, shareable: %s", (unsigned long long)piece->start,
                (unsigned long long)(piece->end - piece->start), strerror(saved));
    if (fd >= 0) {
      real()->close(fd);
    }
    errno = saved;
    return -1;
  }
  piece->shared = true;
  piece->offset = 0;
  piece->device = status.st_dev;
  piece->inode = status.st_ino;
  userfault_restore(piece->start, piece->end);
  return fd;
}
