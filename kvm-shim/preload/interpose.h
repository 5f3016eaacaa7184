/* For the files that replace functions of the C library. */
#ifndef QUIRE_INTERPOSE_H
#define QUIRE_INTERPOSE_H

/* Seen by the programs; everything else of the library is hidden. */
#define EXPORTED __attribute__((visibility("default")))

#endif
