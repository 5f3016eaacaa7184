#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "call.h"
#include "descriptors.h"
#include "memory.h"
#include "real.h"
#include "report.h"

/* A call other than KVM_RUN that takes longer than this is no call any more. */
enum { ANSWER_WITHIN_S = 60 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct welcome welcome;
static struct link *idle;
static _Atomic unsigned generation = 1;
static atomic_bool lost;
static __thread struct link *mine __attribute__((tls_model("initial-exec")));
static pthread_key_t thread_end;
static pthread_once_t thread_end_once = PTHREAD_ONCE_INIT;

static const char *socket_path(void) { return getenv("QUIRE_KVM_SOCKET"); }

bool process_wanted(void) {
  static atomic_flag said = ATOMIC_FLAG_INIT;
  const char *path = socket_path();
  if (path == NULL || *path == '\0') {
    report_once(&said, "QUIRE_KVM_SOCKET is not set, so /dev/kvm stays the machine's own: start by 'quire exec'");
    return false;
  }
  return true;
}

unsigned process_generation(void) { return atomic_load_explicit(&generation, memory_order_relaxed); }

size_t process_frame_limit(void) { return welcome.frame_limit; }

bool process_watches(void) { return (welcome.features & FEATURE_WATCH) != 0; }

void process_lost(const char *why) {
  static atomic_flag said = ATOMIC_FLAG_INIT;
  atomic_store(&lost, true);
  report_once(&said, "the KVM service is lost: %s; its calls fail with EIO from here on", why);
}

/* Signals are blocked here, and still a wait with a timeout can end by EINTR: work for the thread in the kernel, a
   tracer, a stop of the whole process. */
static bool send_all(int fd, const void *data, size_t bytes) {
  const uint8_t *rest = data;
  while (bytes > 0) {
    ssize_t sent = send(fd, rest, bytes, MSG_NOSIGNAL);
    if (sent <= 0 && errno != EINTR) {
      return false;
    }
    rest += sent > 0 ? sent : 0;
    bytes -= sent > 0 ? (size_t)sent : 0;
  }
  return true;
}

static bool receive_all(int fd, void *data, size_t bytes) {
  uint8_t *rest = data;
  while (bytes > 0) {
    ssize_t got = recv(fd, rest, bytes, MSG_WAITALL);
    if (got == 0 || (got < 0 && errno != EINTR)) {
      return false;
    }
    rest += got > 0 ? got : 0;
    bytes -= got > 0 ? (size_t)got : 0;
  }
  return true;
}

/* A connected socket, or -1 with errno ENODEV. */
static int connect_socket(void) {
  static atomic_flag said = ATOMIC_FLAG_INIT;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *path = socket_path();
  if (path == NULL || strlen(path) >= sizeof address.sun_path) {
    report_once(&said, "QUIRE_KVM_SOCKET is not the path of a socket (at most %zu bytes)", sizeof address.sun_path - 1);
    errno = ENODEV;
    return -1;
  }
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return -1;
  }
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    report_once(&said, "no KVM service at %s: %s", path, strerror(errno));
    real()->close(fd);
    errno = ENODEV;
    return -1;
  }
  fd = table_hide(fd);
  struct timeval patience = {.tv_sec = ANSWER_WITHIN_S};
  if (fd >= 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  return fd;
}

static const char *refusal(int64_t result) {
  switch (-result) {
    case EPROTONOSUPPORT:
      return "it speaks another version of the protocol: build client and service from one Quire";
    case ENOEXEC:
      return "it serves programs of the other architecture: see 'quire serve --arch'";
    case EACCES:
      return "it belongs to another user";
    case EAGAIN:
      return "it has too many connections";
    default:
      return "it did not understand the greeting";
  }
}

/* Greets on a new socket; fills in `welcome` when that makes the process. Under the lock. */
static bool greet(int fd, uint16_t role) {
  static atomic_flag said = ATOMIC_FLAG_INIT;
  struct {
    struct request_head head;
    struct segment_head segment;
    struct hello hello;
  } out = {
      .head = {.length = sizeof out, .op = OP_HELLO, .segments = 1, .fd = -1},
      .segment = {.bytes = sizeof(struct hello)},
      .hello = {.lowest_version = WIRE_VERSION,
                .highest_version = WIRE_VERSION,
                .architecture = WIRE_ARCHITECTURE,
                .role = role,
                .pid = (uint32_t)getpid(),
                .process = welcome.process},
  };
  struct {
    struct reply_head head;
    struct segment_head segment;
    struct welcome welcome;
  } in = {0};
  memcpy(out.hello.magic, "QUIREKVM", sizeof out.hello.magic);
  memcpy(out.hello.cookie, welcome.cookie, sizeof out.hello.cookie);
  if (!send_all(fd, &out, sizeof out) || !receive_all(fd, &in.head, sizeof in.head)) {
    report_once(&said, "the KVM service at %s does not answer", socket_path());
    return false;
  }
  if (in.head.result != WIRE_VERSION || in.head.length != sizeof in ||
      !receive_all(fd, &in.segment, sizeof in - sizeof in.head)) {
    report_once(&said, "the KVM service at %s refuses this program: %s", socket_path(), refusal(in.head.result));
    return false;
  }
  if (welcome.process == 0) {
    welcome = in.welcome;
  }
  return true;
}

/* A greeted socket of the process, made if there is none yet. Under the lock; -1 with errno. */
static int join(uint16_t role) {
  int fd = connect_socket();
  if (fd >= 0 && !greet(fd, role)) {
    table_close_hidden(fd);
    errno = ENODEV;
    return -1;
  }
  return fd;
}

static void thread_ends(void *link_of_thread) {
  struct link *link = link_of_thread;
  mine = NULL;
  if (link->generation != process_generation()) {
    return;
  }
  pthread_mutex_lock(&lock);
  link->next = idle;
  idle = link;
  pthread_mutex_unlock(&lock);
}

static void make_thread_end(void) { pthread_key_create(&thread_end, thread_ends); }

/* A link of this generation out of the idle ones, or a new one. Under the lock; null with errno. */
static struct link *take_link(void) {
  if (idle != NULL) {
    struct link *link = idle;
    idle = link->next;
    return link;
  }
  bool first = welcome.process == 0;
  int fd = join(ROLE_CALLS);
  if (fd < 0) {
    return NULL;
  }
  if (first && (welcome.features & FEATURE_DESCRIPTORS) != 0) {
    int channel = join(ROLE_DESCRIPTORS);
    if (channel < 0) {
      memset(&welcome, 0, sizeof welcome);
      table_close_hidden(fd);
      return NULL;
    }
    descriptors_open(channel);
  }
  struct link *link = calloc(1, sizeof *link);
  if (link == NULL) {
    table_close_hidden(fd);
    errno = ENOMEM;
    return NULL;
  }
  link->fd = fd;
  link->generation = process_generation();
  link->signals = -1;
  return link;
}

struct link *process_link(void) {
  if (atomic_load_explicit(&lost, memory_order_relaxed)) {
    errno = EIO;
    return NULL;
  }
  struct link *link = mine;
  if (link != NULL && link->generation == process_generation()) {
    return link;
  }
  pthread_once(&thread_end_once, make_thread_end);
  pthread_mutex_lock(&lock);
  link = take_link();
  pthread_mutex_unlock(&lock);
  if (link != NULL) {
    mine = link;
    pthread_setspecific(thread_end, link);
  }
  return link;
}

void process_close(const struct file *file) {
  int saved = errno;
  struct call call;
  if (file->kind == FILE_VM) {
    memory_forget_vm(file->handle);
  }
  if (!atomic_load(&lost) && call_begin(&call, OP_CLOSE, file->handle, 0, 0, 0)) {
    call_exchange(&call);
    call_end(&call);
  }
  errno = saved;
}

void process_before_fork(void) {
  pthread_mutex_lock(&lock);
  descriptors_before_fork();
}

void process_after_fork_in_parent(void) {
  descriptors_after_fork();
  pthread_mutex_unlock(&lock);
}

void process_after_fork_in_child(void) {
  /* What ancestors' threads had stays allocated, unreachable: a child usually ends soon, or becomes another program. */
  descriptors_close();
  descriptors_after_fork();
  idle = NULL;
  memset(&welcome, 0, sizeof welcome);
  atomic_fetch_add(&generation, 1);
  atomic_store(&lost, false);
  pthread_mutex_unlock(&lock);
}
