/* KVM_RUN. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi.h"
#include "call.h"
#include "files.h"
#include "ioctls.h"
#include "table.h"
#include "touch.h"

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

enum event { EVENT_REPLY, EVENT_SIGNAL, EVENT_TOUCHED };

/* Waits for the reply, or for a touch to be over, in the mask that applies while a vCPU runs. */
static enum event wait_for_event(struct call *call, const struct file *vcpu, bool touching) {
  sigset_t mask = call->signals;
  uint64_t blocked = to_bits(&mask);
  uint64_t through = 0;
  if (vcpu->masked) {
    through = blocked & ~vcpu->run_mask;
    blocked |= vcpu->run_mask;
    memcpy(&mask, &blocked, sizeof blocked);
  }
  struct pollfd waiting[3] = {{.fd = call->link->fd, .events = POLLIN},
                              {.fd = deliverable(call->link, through), .events = POLLIN},
                              {.fd = touching ? touch_descriptor(call->link) : -1, .events = POLLIN}};
  if (ppoll(waiting, 3, NULL, &mask) < 0) {
    return errno == EINTR ? EVENT_SIGNAL : EVENT_REPLY; /* any other failure shows in the reading */
  }
  if (waiting[0].revents != 0) {
    return EVENT_REPLY;
  }
  return waiting[1].revents != 0 ? EVENT_SIGNAL : waiting[2].revents != 0 ? EVENT_TOUCHED : EVENT_REPLY;
}

/* After KICK the call ends soon; its own result counts if it was quicker. */
static bool receive_end(struct call *call, const struct file *vcpu) {
  bool kicked = false;
  bool touching = false;
  for (;;) {
    enum event event = kicked ? EVENT_REPLY : wait_for_event(call, vcpu, touching);
    if (event == EVENT_TOUCHED) {
      if (!call_touched(call, &touching)) {
        return false;
      }
      continue;
    }
    if (event == EVENT_SIGNAL) {
      kicked = true;
      if (!call_notify(call, OP_KICK, 0)) {
        return false;
      }
    }
    if (!call_receive(call)) {
      return false;
    }
    if ((call->reply.flags & REPLY_MORE) == 0) {
      return true;
    }
    if (!kicked && !call_touch(call, &touching)) {
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
