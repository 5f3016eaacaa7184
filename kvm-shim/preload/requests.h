/* Which memory an ioctl reads, beyond what its code says. */
#ifndef QUIRE_REQUESTS_H
#define QUIRE_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "call.h"

/*
 * Adds the memory that a request reads: the struct at the argument, its tail, what its pointers name. What cannot be
 * read is left out, which the service answers with EFAULT when the kernel would.
 *
 * structure  the struct's copy in the frame if all of it could be read, else null; good until the call is sent
 * returns    false with errno if it does not fit a frame
 */
bool request_add_memory(struct call *call, uint32_t request, uint64_t argument, void **structure);

#endif
