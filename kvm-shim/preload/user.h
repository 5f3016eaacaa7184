/* The calling program's memory as copy_from_user and copy_to_user reach it: a bad address is a short count and no
   signal. */
#ifndef QUIRE_USER_H
#define QUIRE_USER_H

#include <stddef.h>
#include <stdint.h>

/* Bytes read from `address` on, up to where memory ends. */
size_t user_read(uint64_t address, void *target, size_t bytes);

/* Bytes stored from `address` on, up to where memory ends. */
size_t user_write(uint64_t address, const void *source, size_t bytes);

#endif
