#define _GNU_SOURCE
#include "descriptors.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "real.h"

enum { MOST_WAITING = 64 };

struct message {
  uint32_t tag;
  uint32_t zero;
};

struct arrived {
  uint32_t tag;
  int fd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int channel = -1;
static uint32_t last_tag;
static struct arrived waiting[MOST_WAITING];
static int waiting_count;

void descriptors_open(int socket) {
  pthread_mutex_lock(&lock);
  channel = socket;
  waiting_count = 0;
  pthread_mutex_unlock(&lock);
}

/* Only in a fork's child, under the lock; the socket itself is hidden and closed with the others. */
void descriptors_close(void) {
  for (int i = 0; i < waiting_count; i++) {
    real()->close(waiting[i].fd);
  }
  waiting_count = 0;
  channel = -1;
}

uint32_t descriptors_send(int fd) {
  pthread_mutex_lock(&lock);
  uint32_t tag = ++last_tag == 0 ? ++last_tag : last_tag;
  struct message body = {.tag = tag};
  struct iovec data = {&body, sizeof body};
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &fd, sizeof fd);
  ssize_t sent;
  do {
    sent = sendmsg(channel, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  pthread_mutex_unlock(&lock);
  return sent == (ssize_t)sizeof body ? tag : 0;
}

/* Reads one message, waiting at most as long as the socket's timeout. */
static int receive(struct arrived *arrived) {
  struct message body = {0};
  struct iovec data = {&body, sizeof body};
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
  ssize_t got;
  do {
    got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  } while (got < 0 && errno == EINTR);
  struct cmsghdr *head = got == (ssize_t)sizeof body ? CMSG_FIRSTHDR(&message) : NULL;
  if (head == NULL || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof(int))) {
    errno = EIO;
    return -1;
  }
  arrived->tag = body.tag;
  memcpy(&arrived->fd, CMSG_DATA(head), sizeof arrived->fd);
  return 0;
}

/* Takes a tag from those that arrived while another was looked for: its descriptor, or -1. */
static int take(uint32_t tag) {
  for (int i = 0; i < waiting_count; i++) {
    if (waiting[i].tag == tag) {
      int fd = waiting[i].fd;
      waiting[i] = waiting[--waiting_count];
      return fd;
    }
  }
  return -1;
}

int descriptors_receive(uint32_t tag) {
  pthread_mutex_lock(&lock);
  int fd = take(tag);
  while (fd < 0) {
    struct arrived next;
    if (waiting_count == MOST_WAITING || receive(&next) != 0) {
      errno = EIO;
      break;
    }
    if (next.tag == tag) {
      fd = next.fd;
    } else {
      waiting[waiting_count++] = next;
    }
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

void descriptors_before_fork(void) { pthread_mutex_lock(&lock); }

void descriptors_after_fork(void) { pthread_mutex_unlock(&lock); }
