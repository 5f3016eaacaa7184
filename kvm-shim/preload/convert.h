/* Turns private memory into a shared memfd in place. */
#ifndef QUIRE_CONVERT_H
#define QUIRE_CONVERT_H

#include "maps.h"

/*
 * Replaces a piece by a memfd of the same contents, protection and address; pages that were never touched stay holes.
 * The piece then describes the new mapping. Its descriptor, the caller's to close, or -1 with errno and nothing changed.
 */
int convert_to_memfd(struct piece *piece);

#endif
