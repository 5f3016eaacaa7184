/* The program's eventfds at the service. One is lent once and known again, whichever of its descriptors names it: the
   service compares what it is given, as the kernel does. Any thread. */
#ifndef QUIRE_LOANS_H
#define QUIRE_LOANS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a descriptor is an eventfd. */
bool loans_is_eventfd(int fd);

/* The service's number of an eventfd, lent now if it was not; -1 if the service does not take it. */
int32_t loans_handle(int fd);

void loans_before_fork(void);
void loans_after_fork_in_parent(void);
void loans_after_fork_in_child(void);

#endif
