#define _GNU_SOURCE
#include "maps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "real.h"

enum { PAGE = 4096, CHUNK_PAGES = 512 };

static int open_read(const char *path) { return real()->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC); }

/* All of a /proc file, NUL-terminated; null with errno. */
static char *read_all(const char *path) {
  size_t room = 1 << 16;
  size_t have = 0;
  int fd = open_read(path);
  char *text = fd < 0 ? NULL : malloc(room);
  while (text != NULL) {
    ssize_t got = real()->read(fd, text + have, room - have - 1);
    if (got <= 0) {
      text[have] = '\0';
      break;
    }
    have += (size_t)got;
    if (room - have < PAGE) {
      char *larger = realloc(text, room *= 2);
      if (larger == NULL) {
        free(text);
      }
      text = larger;
    }
  }
  if (fd >= 0) {
    real()->close(fd);
  }
  return text;
}

static bool parse(const char *line, struct piece *piece) {
  char access[5] = "";
  unsigned major_number;
  unsigned minor_number;
  if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64, &piece->start, &piece->end, access,
             &piece->offset, &major_number, &minor_number, &piece->inode) != 7) {
    return false;
  }
  piece->protection = (access[0] == 'r' ? PROT_READ : 0) | (access[1] == 'w' ? PROT_WRITE : 0) |
                      (access[2] == 'x' ? PROT_EXEC : 0);
  piece->shared = access[3] == 's';
  piece->device = piece->inode == 0 ? 0 : makedev(major_number, minor_number);
  return true;
}

static bool add(struct pieces *pieces, size_t *room, const struct piece *piece) {
  if (pieces->count == *room) {
    size_t larger = *room == 0 ? 8 : *room * 2;
    struct piece *moved = realloc(pieces->all, larger * sizeof *moved);
    if (moved == NULL) {
      return false;
    }
    pieces->all = moved;
    *room = larger;
  }
  pieces->all[pieces->count++] = *piece;
  return true;
}

bool maps_read(uint64_t start, uint64_t end, struct pieces *pieces) {
  *pieces = (struct pieces){0};
  char *text = read_all("/proc/self/maps");
  if (text == NULL) {
    return false;
  }
  size_t room = 0;
  bool ok = true;
  for (char *line = text; ok && line != NULL && *line != '\0';) {
    struct piece piece;
    if (parse(line, &piece) && piece.start < end && start < piece.end) {
      if (piece.start < start) {
        piece.offset += start - piece.start;
        piece.start = start;
      }
      if (piece.end > end) {
        piece.end = end;
      }
      ok = add(pieces, &room, &piece);
    }
    line = strchr(line, '\n');
    line = line == NULL ? NULL : line + 1;
  }
  free(text);
  if (!ok) {
    free(pieces->all);
    *pieces = (struct pieces){0};
    errno = ENOMEM;
  }
  return ok;
}

static bool is_file(int fd, const struct piece *piece) {
  struct stat status;
  return syscall(SYS_fstat, fd, &status) == 0 && status.st_ino == piece->inode && status.st_dev == piece->device;
}

static int among_own(const struct piece *piece) {
  DIR *folder = opendir("/proc/self/fd");
  int found = -1;
  struct dirent *entry;
  while (folder != NULL && found < 0 && (entry = readdir(folder)) != NULL) {
    int fd = atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == dirfd(folder) || !is_file(fd, piece)) {
      continue;
    }
    int access = real()->fcntl(fd, F_GETFL) & O_ACCMODE;
    if (access == O_RDWR || (access == O_RDONLY && (piece->protection & PROT_WRITE) == 0)) {
      found = real()->fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
  }
  if (folder != NULL) {
    closedir(folder);
  }
  return found;
}

int maps_open_file(const struct piece *piece) {
  int fd = among_own(piece);
  if (fd >= 0) {
    return fd;
  }
  struct pieces whole;
  char path[64];
  /* The link is named by the whole mapping's bounds. */
  if (!maps_read(0, UINT64_MAX, &whole)) {
    return -1;
  }
  for (size_t i = 0; i < whole.count; i++) {
    const struct piece *mapping = &whole.all[i];
    if (mapping->start <= piece->start && piece->start < mapping->end) {
      snprintf(path, sizeof path, "/proc/self/map_files/%" PRIx64 "-%" PRIx64, mapping->start, mapping->end);
      int flags = (piece->protection & PROT_WRITE) != 0 ? O_RDWR : O_RDONLY;
      fd = real()->openat(AT_FDCWD, path, flags | O_CLOEXEC);
      if (fd >= 0 && !is_file(fd, piece)) {
        real()->close(fd);
        fd = -1;
      }
    }
  }
  free(whole.all);
  return fd;
}

/* Whether pagemap speaks of the addresses that this program sees: in qemu's user mode it need not. */
static bool knows_own_stack(int pagemap) {
  uint64_t entry = 0;
  uint64_t on_stack = (uint64_t)(uintptr_t)&entry / PAGE;
  return real()->pread(pagemap, &entry, sizeof entry, (off_t)(on_stack * sizeof entry)) == sizeof entry &&
         entry >> 63 != 0;
}

bool maps_present(uint64_t start, size_t pages, uint8_t *present) {
  int pagemap = open_read("/proc/self/pagemap");
  bool ok = pagemap >= 0 && knows_own_stack(pagemap);
  uint64_t entries[CHUNK_PAGES];
  for (size_t done = 0; ok && done < pages;) {
    size_t count = pages - done < CHUNK_PAGES ? pages - done : CHUNK_PAGES;
    off_t at = (off_t)((start / PAGE + done) * sizeof *entries);
    ok = real()->pread(pagemap, entries, count * sizeof *entries, at) == (ssize_t)(count * sizeof *entries);
    for (size_t i = 0; ok && i < count; i++) {
      present[done + i] = entries[i] >> 62 != 0; /* present or swapped */
    }
    done += count;
  }
  if (pagemap >= 0) {
    real()->close(pagemap);
  }
  return ok;
}
