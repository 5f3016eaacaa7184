/* This process's standing with the service: one process there, a call socket a thread, one socket for descriptors. */
#ifndef QUIRE_CONNECTION_H
#define QUIRE_CONNECTION_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"
#include "wire.h"

/* A call socket: used by one thread at a time, one call under way. Kept when its thread ends, for the next thread. */
struct link {
  int fd;
  unsigned generation;
  uint32_t sequence;
  uint8_t *out; /* the request as it is put together */
  size_t out_bytes;
  size_t out_room;
  uint8_t *in; /* the reply */
  size_t in_room;
  int signals; /* signalfd of signals that KVM_SET_SIGNAL_MASK lets through, or -1 */
  uint64_t signals_mask;
  struct toucher *toucher; /* see touch.h, or null */
  struct link *next;
};

/* Whether there is a service to use at all: QUIRE_KVM_SOCKET names its socket. */
bool process_wanted(void);

/* Counts forks: a file of an older generation was opened by an ancestor. */
unsigned process_generation(void);

/* The calling thread's socket, connected on first use. Null with errno: ENODEV (no service), EIO (it has gone). */
struct link *process_link(void);

/* The service has gone or broke the protocol: every call fails from now on. Says so once. */
void process_lost(const char *why);

/* Longest frame the service takes. */
size_t process_frame_limit(void);

/* Whether the service wants to know of userfaultfd (WATCH). */
bool process_watches(void);

/* Closes a file at the service. Keeps errno. */
void process_close(const struct file *file);

void process_before_fork(void);
void process_after_fork_in_parent(void);
void process_after_fork_in_child(void);

#endif
