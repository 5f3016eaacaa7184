/* The descriptor socket: file descriptors to and from the service, each with a tag that a frame names. Any thread. */
#ifndef QUIRE_DESCRIPTORS_H
#define QUIRE_DESCRIPTORS_H

#include <stdint.h>

/* Takes over a greeted descriptor socket. */
void descriptors_open(int socket);

/* Forgets it: a fork's child has no part in it. */
void descriptors_close(void);

/* Sends a descriptor, before the frame that names its tag. The tag, or 0 with errno. */
uint32_t descriptors_send(int fd);

/* The descriptor that came before a reply naming its tag; close-on-exec. -1 with errno. */
int descriptors_receive(uint32_t tag);

void descriptors_before_fork(void);
void descriptors_after_fork(void);

#endif
