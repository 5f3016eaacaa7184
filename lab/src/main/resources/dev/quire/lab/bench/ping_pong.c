/*
 * Two round trips over a UNIX stream socket, timed by one process with blocking calls:
 *   ping_pong echo PATH ROUNDS     a forked peer that answers 32 bytes to 48
 *   ping_pong ioctl PATH ROUNDS    KVM_GET_API_VERSION of a service (docs/WIRE.md)
 * Prints nanoseconds of one round trip.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void read_all(int socket, void *target, size_t bytes) {
  char *at = target;
  while (bytes > 0) {
    ssize_t got = read(socket, at, bytes);
    if (got <= 0) fail("read");
    at += got;
    bytes -= (size_t)got;
  }
}

static void write_all(int socket, const void *source, size_t bytes) {
  if (write(socket, source, bytes) != (ssize_t)bytes) fail("write");
}

static void put16(char *frame, int offset, uint16_t value) { memcpy(frame + offset, &value, sizeof value); }
static void put32(char *frame, int offset, uint32_t value) { memcpy(frame + offset, &value, sizeof value); }
static void put64(char *frame, int offset, uint64_t value) { memcpy(frame + offset, &value, sizeof value); }

static struct sockaddr_un address_of(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    fprintf(stderr, "path too long\n");
    exit(2);
  }
  strcpy(address.sun_path, path);
  return address;
}

static int connect_to(const char *path) {
  struct sockaddr_un address = address_of(path);
  int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (socket_fd < 0 || connect(socket_fd, (void *)&address, sizeof address) != 0) fail(path);
  return socket_fd;
}

static int echo(const char *path) {
  struct sockaddr_un address = address_of(path);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (void *)&address, sizeof address) != 0 || listen(listener, 1) != 0) fail(path);
  if (fork() == 0) {
    char frame[48];
    int peer = accept(listener, NULL, NULL);
    while (read(peer, frame, sizeof frame) > 0) write_all(peer, frame, 32);
    _exit(0);
  }
  return connect_to(path);
}

/* HELLO, then open /dev/kvm. */
static int service(const char *path, int *kvm) {
  int socket_fd = connect_to(path);
  char frame[512] = {0};
  put32(frame, 0, 48 + 16 + 88);
  put32(frame, 4, 1);
  put16(frame, 10, 1);
  put32(frame, 56, 88);
  memcpy(frame + 64, "QUIREKVM", 8);
  put16(frame, 72, 1);
  put16(frame, 74, 1);
#ifdef __aarch64__
  put16(frame, 76, 2);
#else
  put16(frame, 76, 1);
#endif
  write_all(socket_fd, frame, 48 + 16 + 88);
  read_all(socket_fd, frame, 32 + 16 + 80);
  memset(frame, 0, sizeof frame);
  put32(frame, 0, 48 + 16 + 8);
  put32(frame, 4, 2);
  put16(frame, 8, 1);
  put16(frame, 10, 1);
  put32(frame, 56, 8);
  memcpy(frame + 64, "/dev/kvm", 8);
  write_all(socket_fd, frame, 48 + 16 + 8);
  read_all(socket_fd, frame, 32);
  int64_t result;
  memcpy(&result, frame + 8, sizeof result);
  if (result < 0) fail("open /dev/kvm");
  *kvm = (int)result;
  return socket_fd;
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  long rounds = atol(arguments[3]);
  int kvm = 0;
  int socket_fd = strcmp(arguments[1], "echo") == 0 ? echo(arguments[2]) : service(arguments[2], &kvm);
  char request[48] = {0};
  char reply[32];
  put32(request, 0, sizeof request);
  put16(request, 8, 2);
  put32(request, 12, (uint32_t)kvm);
  put64(request, 16, 0xae00);
  struct timespec from, to;
  for (long i = -rounds / 4; i < rounds; i++) {
    if (i == 0) clock_gettime(CLOCK_MONOTONIC, &from);
    put32(request, 4, (uint32_t)(i & 0xffff));
    write_all(socket_fd, request, sizeof request);
    read_all(socket_fd, reply, sizeof reply);
  }
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf("%.1f\n", ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / rounds);
  return 0;
}
