/* Frames of docs/WIRE.md, version 1: numbers and layouts. */
#ifndef QUIRE_WIRE_H
#define QUIRE_WIRE_H

#include <stdint.h>

enum op {
  OP_HELLO = 0,
  OP_OPEN = 1,
  OP_IOCTL = 2,
  OP_MMAP = 3,
  OP_CLOSE = 5,
  OP_READ = 7,
  OP_WRITE = 8,
  OP_PREAD = 9,
  OP_PWRITE = 10,
  OP_FALLOCATE = 11,
  OP_FSTAT = 12,
  OP_KICK = 14,
  OP_SHARE = 15,
  OP_UNSHARE = 16,
  OP_LEND = 17,
  OP_DISCARD = 18,
  OP_WATCH = 19,
  OP_RESUME = 20,
  OP_SEEK = 24,
};

enum { LEND_EVENTFD = 1, WRITE_PART = 1, SHARE_READ_ONLY = 1, REPLY_MORE = 1 };
enum { ROLE_CALLS = 0, ROLE_DESCRIPTORS = 1 };
enum { FEATURE_DESCRIPTORS = 1, FEATURE_WATCH = 2 };
enum { WIRE_VERSION = 1, MOST_SEGMENTS = 64 };

#if defined(__x86_64__)
enum { WIRE_ARCHITECTURE = 1 };
#elif defined(__aarch64__)
enum { WIRE_ARCHITECTURE = 2 };
#else
#error "the KVM service knows x86-64 and arm64 clients"
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire is little-endian"
#endif

struct request_head {
  uint32_t length;
  uint32_t sequence;
  uint16_t op;
  uint16_t segments;
  int32_t fd;
  uint64_t request;
  uint64_t argument;
  uint64_t third;
  uint32_t tag;
  uint32_t flags;
};

struct reply_head {
  uint32_t length;
  uint32_t sequence;
  int64_t result;
  uint64_t value;
  uint16_t segments;
  uint16_t flags;
  uint32_t tag;
};

struct segment_head {
  uint64_t address;
  uint32_t bytes;
  uint32_t zero;
};

struct hello {
  char magic[8];
  uint16_t lowest_version;
  uint16_t highest_version;
  uint16_t architecture;
  uint16_t role;
  uint32_t pid;
  uint32_t zero;
  uint8_t access[32];
  uint64_t process;
  uint8_t cookie[16];
  uint64_t zero_too;
};

struct welcome {
  char magic[8];
  uint16_t version;
  uint16_t architecture;
  uint32_t features;
  uint64_t process;
  uint8_t cookie[16];
  uint32_t frame_limit;
  uint32_t calls;
  uint32_t vms;
  uint32_t vcpus;
  uint64_t memory;
  uint32_t descriptors;
  uint32_t page_bytes;
  uint64_t zero;
};

struct file_status {
  uint32_t mode;
  uint32_t links;
  uint64_t inode;
  uint64_t bytes;
  uint64_t blocks;
  uint32_t block_bytes;
  uint32_t zero;
};

_Static_assert(sizeof(struct request_head) == 48, "request");
_Static_assert(sizeof(struct reply_head) == 32, "reply");
_Static_assert(sizeof(struct segment_head) == 16, "segment");
_Static_assert(sizeof(struct hello) == 88, "hello");
_Static_assert(sizeof(struct welcome) == 80, "welcome");
_Static_assert(sizeof(struct file_status) == 40, "status");

#endif
