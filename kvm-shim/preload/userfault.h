/* Ranges that the program armed with userfaultfd. Any thread. */
#ifndef QUIRE_USERFAULT_H
#define QUIRE_USERFAULT_H

#include <stdint.h>

/* The program's UFFDIO_REGISTER succeeded. */
void userfault_registered(int uffd, uint64_t start, uint64_t bytes, uint64_t mode);

/* The program's UFFDIO_UNREGISTER succeeded. */
void userfault_unregistered(uint64_t start, uint64_t bytes);

/* Arms again what a new mapping of a range disarmed. */
void userfault_restore(uint64_t start, uint64_t end);

/* Tells the service which parts of a range are armed, before it is shared. */
void userfault_announce(uint64_t start, uint64_t end);

void userfault_before_fork(void);
void userfault_after_fork(void);

#endif
