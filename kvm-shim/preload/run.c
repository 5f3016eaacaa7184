/* KVM_RUN. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "files.h"
#include "ioctls.h"
#include "real.h"
#include "table.h"

static uint64_t to_bits(const sigset_t *set) {
  uint64_t bits;
  memcpy(&bits, set, sizeof bits); /* as the kernel lays it out: signal n is bit n - 1 */
  return bits;
}

/*
 * Signals that the thread blocks but KVM_SET_SIGNAL_MASK lets end the call. They must stay pending, as the kernel leaves
 * them, so a signalfd tells of them. It is made once for a mask. -1 if there are none.
 */
static int deliverable(struct link *link, uint64_t bits) {
  if (bits == 0 || (link->signals >= 0 && link->signals_mask == bits)) {
    return bits == 0 ? -1 : link->signals;
  }
  sigset_t set;
  sigemptyset(&set);
  memcpy(&set, &bits, sizeof bits);
  int fd = signalfd(link->signals, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd >= 0 && link->signals < 0) {
    fd = table_hide(fd);
  }
  link->signals = fd;
  link->signals_mask = bits;
  return fd;
}

/* Waits for the reply, in the mask that applies while a vCPU runs. False when a signal came first. */
static bool wait_for_reply(struct call *call, const struct file *vcpu) {
  sigset_t mask = call->signals;
  uint64_t blocked = to_bits(&mask);
  uint64_t through = 0;
  if (vcpu->masked) {
    through = blocked & ~vcpu->run_mask;
    blocked |= vcpu->run_mask;
    memcpy(&mask, &blocked, sizeof blocked);
  }
  struct pollfd waiting[2] = {{.fd = call->link->fd, .events = POLLIN},
                              {.fd = deliverable(call->link, through), .events = POLLIN}};
  if (ppoll(waiting, 2, NULL, &mask) < 0) {
    return errno != EINTR; /* any other failure shows in the reading */
  }
  return waiting[0].revents != 0 || waiting[1].revents == 0;
}

/* The service is about to access a page that the program watches by userfaultfd: the program's kernel has to see it. */
static bool touch(struct call *call) {
  enum { WRITING = 1, PAGE = 4096 };
  uint64_t page = call->reply.value & ~(uint64_t)(PAGE - 1);
  bool writing = (call->reply.value & WRITING) != 0;
  void *address = (void *)(uintptr_t)page;
  if (real()->madvise(address, PAGE, writing ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) != 0 && errno == EINVAL) {
    volatile uint8_t *byte = address; /* a kernel before 5.14 */
    if (writing) {
      __atomic_fetch_or(byte, 0, __ATOMIC_SEQ_CST);
    } else {
      (void)*byte;
    }
  }
  uint32_t sequence = call->reply.sequence;
  return call_notify(call, OP_RESUME, sequence);
}

/* After KICK the call ends soon; its own result counts if it was quicker. */
static bool receive_end(struct call *call, const struct file *vcpu) {
  bool kicked = false;
  for (;;) {
    if (!kicked && !wait_for_reply(call, vcpu)) {
      kicked = true;
      if (!call_notify(call, OP_KICK, ((struct request_head *)call->link->out)->sequence)) {
        return false;
      }
    }
    if (!call_receive(call)) {
      return false;
    }
    if ((call->reply.flags & REPLY_MORE) == 0) {
      return true;
    }
    if (!touch(call)) {
      return false;
    }
  }
}

int ioctls_run(struct file *vcpu) {
  struct call call;
  if (!files_begin(&call, vcpu, OP_IOCTL, IO_RUN, 0, 0)) {
    return -1;
  }
  int result = -1;
  if (call_send(&call) && receive_end(&call, vcpu)) {
    if (call.reply.result < 0) {
      errno = (int)-call.reply.result;
    } else {
      result = (int)call.reply.result;
    }
  }
  call_end(&call);
  return result;
}
