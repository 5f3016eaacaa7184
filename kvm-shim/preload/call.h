/* One call of the service: put together, sent, waited for. Between begin and end the thread takes no signal (a handler
   may call the service itself) and cannot be cancelled, as inside a system call. */
#ifndef QUIRE_CALL_H
#define QUIRE_CALL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection.h"
#include "wire.h"

struct call {
  struct link *link;
  sigset_t signals;    /* the thread's mask outside the call */
  int cancel_state;
  bool answered;           /* a reply has come */
  struct reply_head reply; /* then: its head */
};

/* Begins a request. False with errno; then there is nothing to end. */
bool call_begin(struct call *call, enum op op, int32_t handle, uint64_t request, uint64_t argument, uint64_t third);

/* Names a descriptor that was sent ahead, and flags. */
void call_tag(struct call *call, uint32_t tag, uint32_t flags);

/* Adds a segment. Its copy in the frame, good until the next one is added; null if it does not fit (E2BIG). */
void *call_add(struct call *call, uint64_t address, const void *data, size_t bytes);

/* Adds a segment of the program's memory: as much as can be read. How many bytes that was is told in `readable`. */
void *call_add_user(struct call *call, uint64_t address, size_t bytes, size_t *readable);

/* Sends and waits for the reply. -1 with errno EIO if there is none; else the result: -1 with errno, or 0 and more. */
int64_t call_exchange(struct call *call);

/* The same in parts, for KVM_RUN. call_receive takes one reply, which may be an intermediate one. */
bool call_send(struct call *call);
bool call_receive(struct call *call);

/* Sends a frame that has no reply and concerns the call under way: KICK, RESUME. */
bool call_notify(struct call *call, enum op op, uint64_t argument);

/* After an intermediate reply: begins what it asks for. A touch that cannot begin is refused at once. */
bool call_touch(struct call *call, bool *touching);

/* When touch_descriptor can be read, or to wait for it: tells the service. */
bool call_touched(struct call *call, bool *touching);

/* The reply's segments: a position to start with 0, the next address, bytes and data; false at the end. */
bool call_next_segment(const struct call *call, size_t *position, uint64_t *address, uint32_t *bytes, void **data);

/* Stores the reply's segments in the program's memory. False with errno EFAULT. */
bool call_store(const struct call *call);

/* Lets signals in again. Keeps errno. */
void call_end(struct call *call);

#endif
