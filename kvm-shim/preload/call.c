#define _GNU_SOURCE
#include "call.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "touch.h"
#include "user.h"

enum { FIRST_ROOM = 16384, ALIGNMENT = 8 };

static size_t aligned(size_t bytes) { return (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1); }

static bool grow(uint8_t **buffer, size_t *room, size_t needed) {
  if (needed <= *room) {
    return true;
  }
  size_t larger = *room == 0 ? FIRST_ROOM : *room;
  while (larger < needed) {
    larger *= 2;
  }
  uint8_t *moved = realloc(*buffer, larger);
  if (moved == NULL) {
    errno = ENOMEM;
    return false;
  }
  *buffer = moved;
  *room = larger;
  return true;
}

static struct request_head *head_of(struct call *call) { return (struct request_head *)call->link->out; }

static void leave(struct call *call) {
  int saved = errno;
  pthread_sigmask(SIG_SETMASK, &call->signals, NULL);
  pthread_setcancelstate(call->cancel_state, NULL);
  errno = saved;
}

bool call_begin(struct call *call, enum op op, int32_t handle, uint64_t request, uint64_t argument, uint64_t third) {
  sigset_t all;
  sigfillset(&all);
  call->answered = false;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &call->cancel_state);
  pthread_sigmask(SIG_SETMASK, &all, &call->signals);
  struct link *link = process_link();
  if (link == NULL || !grow(&link->out, &link->out_room, FIRST_ROOM) || !grow(&link->in, &link->in_room, FIRST_ROOM)) {
    leave(call);
    return false;
  }
  call->link = link;
  struct request_head *head = head_of(call);
  *head = (struct request_head){.sequence = ++link->sequence,
                                .op = (uint16_t)op,
                                .fd = handle,
                                .request = request,
                                .argument = argument,
                                .third = third};
  link->out_bytes = sizeof *head;
  return true;
}

void call_tag(struct call *call, uint32_t tag, uint32_t flags) {
  head_of(call)->tag = tag;
  head_of(call)->flags = flags;
}

/* Room for a segment's head and data behind what is there; zeroed up to its alignment. */
static struct segment_head *reserve(struct call *call, uint64_t address, size_t bytes) {
  struct link *link = call->link;
  size_t needed = link->out_bytes + sizeof(struct segment_head) + aligned(bytes);
  if (needed > process_frame_limit() || head_of(call)->segments == MOST_SEGMENTS) {
    errno = E2BIG;
    return NULL;
  }
  if (!grow(&link->out, &link->out_room, needed)) {
    return NULL;
  }
  struct segment_head *segment = (struct segment_head *)(link->out + link->out_bytes);
  *segment = (struct segment_head){.address = address, .bytes = (uint32_t)bytes};
  memset((uint8_t *)(segment + 1) + bytes, 0, aligned(bytes) - bytes);
  return segment;
}

static void *append(struct call *call, struct segment_head *segment) {
  call->link->out_bytes += sizeof *segment + aligned(segment->bytes);
  head_of(call)->segments++;
  return segment + 1;
}

void *call_add(struct call *call, uint64_t address, const void *data, size_t bytes) {
  struct segment_head *segment = reserve(call, address, bytes);
  if (segment == NULL) {
    return NULL;
  }
  memcpy(segment + 1, data, bytes);
  return append(call, segment);
}

void *call_add_user(struct call *call, uint64_t address, size_t bytes, size_t *readable) {
  struct segment_head *segment = reserve(call, address, bytes);
  if (segment == NULL) {
    return NULL;
  }
  uint8_t *data = (uint8_t *)(segment + 1);
  *readable = user_read(address, data, bytes);
  segment->bytes = (uint32_t)*readable;
  memset(data + *readable, 0, aligned(*readable) - *readable);
  return *readable == 0 ? data : append(call, segment);
}

static bool send_bytes(int fd, const uint8_t *data, size_t bytes) {
  while (bytes > 0) {
    ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent <= 0) {
      process_lost(sent < 0 && errno == EAGAIN ? "it takes nothing any more" : "it closed the connection");
      errno = EIO;
      return false;
    }
    data += sent;
    bytes -= (size_t)sent;
  }
  return true;
}

bool call_send(struct call *call) {
  head_of(call)->length = (uint32_t)call->link->out_bytes;
  return send_bytes(call->link->fd, call->link->out, call->link->out_bytes);
}

bool call_notify(struct call *call, enum op op, uint64_t argument) {
  struct request_head head = {
      .length = sizeof head, .op = (uint16_t)op, .fd = -1, .request = head_of(call)->sequence, .argument = argument};
  head.sequence = ++call->link->sequence;
  return send_bytes(call->link->fd, (const uint8_t *)&head, sizeof head);
}

/* Receives until `have` reaches `wanted`. */
static bool receive_until(struct link *link, size_t *have, size_t wanted) {
  while (*have < wanted) {
    ssize_t got = recv(link->fd, link->in + *have, link->in_room - *have, 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      process_lost(got == 0 ? "it closed the connection" : errno == EAGAIN ? "it does not answer" : strerror(errno));
      errno = EIO;
      return false;
    }
    *have += (size_t)got;
  }
  return true;
}

static bool segments_fit(const struct call *call) {
  size_t position = 0;
  uint64_t address;
  uint32_t bytes;
  void *data;
  unsigned count = 0;
  while (call_next_segment(call, &position, &address, &bytes, &data)) {
    count++;
  }
  return count == call->reply.segments && sizeof call->reply + position == call->reply.length;
}

bool call_receive(struct call *call) {
  struct link *link = call->link;
  size_t have = 0;
  if (!receive_until(link, &have, sizeof call->reply)) {
    return false;
  }
  memcpy(&call->reply, link->in, sizeof call->reply);
  if (call->reply.length < sizeof call->reply || call->reply.length > process_frame_limit() ||
      call->reply.sequence != head_of(call)->sequence || have > call->reply.length) {
    process_lost("it broke the protocol");
    errno = EIO;
    return false;
  }
  if (!grow(&link->in, &link->in_room, call->reply.length) || !receive_until(link, &have, call->reply.length)) {
    return false;
  }
  if (!segments_fit(call)) {
    process_lost("it broke the protocol");
    errno = EIO;
    return false;
  }
  call->answered = true;
  return true;
}

bool call_touch(struct call *call, bool *touching) {
  *touching = touch_begin(call->link, call->reply.value);
  return *touching || call_notify(call, OP_RESUME, EAGAIN);
}

bool call_touched(struct call *call, bool *touching) {
  int result = touch_result(call->link);
  if (result == TOUCH_UNDER_WAY) {
    return true;
  }
  *touching = false;
  return call_notify(call, OP_RESUME, (uint64_t)result);
}

int64_t call_exchange(struct call *call) {
  if (!call_send(call) || !call_receive(call)) {
    return -1;
  }
  while ((call->reply.flags & REPLY_MORE) != 0) {
    bool touching;
    bool ok = call_touch(call, &touching);
    while (ok && touching) {
      ok = call_touched(call, &touching);
    }
    if (!ok || !call_receive(call)) {
      return -1;
    }
  }
  if (call->reply.result < 0) {
    errno = (int)-call->reply.result;
    return -1;
  }
  return call->reply.result;
}

bool call_next_segment(const struct call *call, size_t *position, uint64_t *address, uint32_t *bytes, void **data) {
  size_t room = call->reply.length - sizeof call->reply - *position;
  uint8_t *at = call->link->in + sizeof call->reply + *position;
  struct segment_head head;
  if (room < sizeof head) {
    return false;
  }
  memcpy(&head, at, sizeof head);
  if (aligned(head.bytes) > room - sizeof head) {
    return false;
  }
  *address = head.address;
  *bytes = head.bytes;
  *data = at + sizeof head;
  *position += sizeof head + aligned(head.bytes);
  return true;
}

bool call_store(const struct call *call) {
  size_t position = 0;
  uint64_t address;
  uint32_t bytes;
  void *data;
  while (call_next_segment(call, &position, &address, &bytes, &data)) {
    if (user_write(address, data, bytes) != bytes) {
      errno = EFAULT;
      return false;
    }
  }
  return true;
}

void call_end(struct call *call) { leave(call); }
