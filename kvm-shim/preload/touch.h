/* TOUCH: the service is about to access a page that the program watches by userfaultfd, and the program's kernel has to
   see that access. A thread of the library's own makes it, since it lasts as long as the program's handler likes: the
   thread that called waits for it so that signals still end its call. */
#ifndef QUIRE_TOUCH_H
#define QUIRE_TOUCH_H

#include <stdbool.h>
#include <stdint.h>

struct link;

enum { TOUCH_UNDER_WAY = -1 };

/* Begins: `value` is the reply's. Between call_begin and call_end. False if there is no thread to be had. */
bool touch_begin(struct link *link, uint64_t value);

/* A descriptor that can be read when there is a result. */
int touch_descriptor(const struct link *link);

/* Takes the result, waiting for it if need be: 0, errno if the program's kernel refuses the access, or TOUCH_UNDER_WAY
   if an earlier touch, which nobody waited for, was in the way. */
int touch_result(struct link *link);

#endif
