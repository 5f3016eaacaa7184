/* What is mapped in this process, as /proc/self/maps tells. */
#ifndef QUIRE_MAPS_H
#define QUIRE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Part of a mapping. */
struct piece {
  uint64_t start;
  uint64_t end;
  int protection; /* PROT_ */
  bool shared;
  uint64_t offset; /* in the file */
  uint64_t device; /* of the file, as st_dev; 0 for anonymous memory */
  uint64_t inode;
};

struct pieces {
  struct piece *all; /* malloc's */
  size_t count;
};

/* The parts of mappings within [start, end), by address. False with errno. */
bool maps_read(uint64_t start, uint64_t end, struct pieces *pieces);

/* An open descriptor, close-on-exec, of the file behind a shared piece: found among this process's own or by way of
   /proc. -1 if there is none to be had. */
int maps_open_file(const struct piece *piece);

/*
 * Which of a range's pages of private memory are there; a page that never was touched is not.
 *
 * present  one byte a page, set to 0 or 1
 * returns  false if the kernel does not tell
 */
bool maps_present(uint64_t start, size_t pages, uint8_t *present);

#endif
