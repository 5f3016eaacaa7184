/* guest_memfds that the program closed while it has them mapped: a mapping keeps a file, so the service keeps these until
   the last of their mappings is gone. Any thread. */
#ifndef QUIRE_MAPPED_H
#define QUIRE_MAPPED_H

#include <stdbool.h>

struct file;

/* Takes over a file without holders if it is mapped. */
bool mapped_keep(struct file *file);

/* After the program changed what is mapped: ends the files that are mapped no more. Cheap where none is kept. Keeps errno. */
void mapped_changed(void);

void mapped_before_fork(void);
void mapped_after_fork_in_parent(void);

/* Forgets them: they are the parent's. */
void mapped_after_fork_in_child(void);

#endif
